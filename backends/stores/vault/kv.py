"""The key-value engine of Vault, versions 1 and 2, as a signed-in client sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import Conflict, MalformedSecret, SecretNotFound
from mpesa_secrets.stores import Version

from .client import Vault
from .http import Answer, Operation

MOST_VERSIONS = 10  # that KV version 2 keeps unless it is told otherwise


class KvV1:
    """A secret in KV version 1: no versions, no check on writing, no room for notes."""

    def __init__(self, vault: Vault, mount: str, path: str) -> None:
        self._vault = vault
        self._path = f"{mount}/{path}"

    def read(self, operation: Operation) -> Secret:
        """The secret as it is."""
        answer = self._vault.ask("GET", self._path, operation)
        if not answer.ok:
            raise self._vault.refusal(answer, "read", self._path)
        return _secret(self._vault.name, answer, "data")

    def read_version(self, version: str, operation: Operation) -> Secret:  # noqa: ARG002  there is none
        """SecretNotFound: no version is kept."""
        raise SecretNotFound(f"{self._vault.name}: KV version 1 keeps no version but the current one")

    def history(self, operation: Operation) -> Sequence[Version]:  # noqa: ARG002  there is none
        """None."""
        return []

    def write(self, secret: Secret, operation: Operation) -> None:
        """Replace it, whatever is there."""
        answer = self._vault.ask("POST", self._path, operation, body=lambda: secret.fields)
        if not answer.ok:
            raise self._vault.refusal(answer, "update", self._path)

    def annotate(self, note: Mapping[str, str], operation: Operation) -> None:
        """Nothing: there is no room for a note."""

    def remarks(self, operation: Operation) -> list[str]:  # noqa: ARG002  nothing to ask
        """That there are no versions."""
        return [
            "KV version 1 has no versions: it cannot promise that nobody else writes at the same time, "
            "nor bring the previous pair back later"
        ]


class KvV2:
    """A secret in KV version 2: numbered versions, check-and-set, custom metadata."""

    def __init__(self, vault: Vault, mount: str, path: str) -> None:
        self._vault = vault
        self._mount = mount
        self._data = f"{mount}/data/{path}"
        self._metadata = f"{mount}/metadata/{path}"

    def read(self, operation: Operation) -> Secret:
        """The current version; SecretNotFound where it is deleted, whatever older ones there are."""
        return self._read("", operation)

    def read_version(self, version: str, operation: Operation) -> Secret:
        """The secret at one version; SecretNotFound where it is deleted, destroyed or was never there."""
        # Vault takes 0 for the current version, and refuses what is no number.
        if not (version.isascii() and version.isdigit() and int(version)):
            raise SecretNotFound(f"{self._vault.name}: {version!r} is no version of a KV version 2 secret")
        return self._read(f"?version={version}", operation)

    def _read(self, query: str, operation: Operation) -> Secret:
        answer = self._vault.ask("GET", self._data, operation, query=query)
        number = answer.at("data", "metadata", "version")
        if answer.status == 404 and number is not None:
            fate = "destroyed" if answer.at("data", "metadata", "destroyed") else "deleted"
            raise SecretNotFound(
                f"{self._vault.name}: version {number} is {fate}",
                hint="vault kv undelete brings a deleted version back" if fate == "deleted" else None,
            )
        if not answer.ok:
            raise self._vault.refusal(answer, "read", self._data)
        if not isinstance(number, int):
            raise MalformedSecret(f"{self._vault.name}: Vault's answer is not of KV version 2", hint="drop ?kv=2")
        return _secret(self._vault.name, answer, "data", "data", version=str(number))

    def history(self, operation: Operation) -> Sequence[Version]:
        """What the metadata say of each version, the newest first."""
        answer = self._ask_metadata(operation)
        return list(_versions(answer.at("data", "versions"), answer.at("data", "current_version")))

    def write(self, secret: Secret, operation: Operation) -> str:
        """Replace it by check-and-set (version None: there is none yet); returns the new version."""
        expected = int(secret.version or 0)
        answer = self._vault.ask(
            "POST",
            self._data,
            operation,
            body=lambda: {"options": {"cas": expected}, "data": secret.fields},
        )
        if answer.status == 400 and answer.says("did not match the current version"):
            raise Conflict(
                f"{self._vault.name}: version {expected} is not the current one any more",
                hint="somebody else wrote meanwhile; look at what is there, then start again",
            )
        if not answer.ok:
            raise self._vault.refusal(answer, "update", self._data)
        if not isinstance(answer.at("data", "version"), int):
            raise self._vault.api.unavailable("did not say what it wrote")
        return str(answer.at("data", "version"))

    def annotate(self, note: Mapping[str, str], operation: Operation) -> None:
        """Custom metadata, merged into what is there: by PATCH, or where that is denied or unknown by POST."""
        answer = self._vault.ask(
            "PATCH",
            self._metadata,
            operation,
            body=lambda: {"custom_metadata": dict(note)},
            content_type="application/merge-patch+json",
        )
        if answer.status in (403, 405, 415):
            there = self._ask_metadata(operation).at("data", "custom_metadata") or {}
            answer = self._vault.ask(
                "POST", self._metadata, operation, body=lambda: {"custom_metadata": {**there, **note}}
            )
        if not answer.ok:
            raise self._vault.refusal(answer, "patch", self._metadata)

    def remarks(self, operation: Operation) -> list[str]:
        """What the secret's and the mount's settings mean for a rotation, as far as we may see them."""
        settings = [self._settings(self._metadata, operation), self._settings(f"{self._mount}/config", operation)]
        most = next((found["max_versions"] for found in settings if found.get("max_versions")), MOST_VERSIONS)
        age = next((found["delete_version_after"] for found in settings if _is_long(found)), None)
        return [
            *(["max_versions is 1: no earlier version is kept, so no rollback later"] if most == 1 else []),
            *([f"delete_version_after is {age}: Vault deletes the new pair when it is that old"] if age else []),
        ]

    def _settings(self, path: str, operation: Operation) -> Mapping[str, Any]:
        found = self._vault.ask("GET", path, operation).at("data")
        return found if isinstance(found, dict) else {}

    def _ask_metadata(self, operation: Operation) -> Answer:
        answer = self._vault.ask("GET", self._metadata, operation)
        if not answer.ok:
            raise self._vault.refusal(answer, "read", self._metadata)
        return answer


Engine = KvV1 | KvV2


def _secret(name: str, answer: Answer, *where: str, version: str | None = None) -> Secret:
    if not isinstance(answer.at(*where), dict):
        raise MalformedSecret(f"{name}: Vault's answer holds no key-value pairs")
    return Secret(answer.at(*where), version)


def _is_long(settings: Mapping[str, Any]) -> bool:
    return settings.get("delete_version_after") not in (None, "", "0s")


def _versions(versions: object, current: object) -> Iterator[Version]:
    """What Vault's metadata say of each version; the newest readable one below the current is the previous."""
    known = versions if isinstance(versions, dict) else {}
    spent = False
    for number in sorted((int(number) for number in known), reverse=True):
        state = _fate(known[str(number)]) or ("current" if number == current else "superseded")
        if state == "superseded" and not spent:
            state, spent = "previous", True
        yield Version(str(number), _timestamp(known[str(number)].get("created_time")), state)


def _fate(facts: Mapping[str, Any]) -> str | None:
    if facts.get("destroyed"):
        return "destroyed"
    # With delete_version_after the time is set ahead; only one that has passed deletes.
    deleted_at = _timestamp(facts.get("deletion_time"))
    return "deleted" if deleted_at is not None and deleted_at <= datetime.now().timestamp() else None


def _timestamp(text: object) -> float | None:
    """Unix seconds of Vault's time stamps, such as `2026-11-23T18:26:00.014718732Z`."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
