"""Where the mount in a secret's path ends, and which version of the key-value engine is there."""

from __future__ import annotations

from mpesa_secrets.errors import ConfigurationError, SecretNotFound, StoreError

from . import Target
from .client import Vault
from .http import Answer, Operation
from .kv import Engine, KvV1, KvV2


def find(vault: Vault, target: Target, operation: Operation) -> Engine:
    """The engine that holds the secret: as the URL says, else as Vault says, else as the answers look.

    Raises:
        ConfigurationError: what is mounted there is no key-value engine, or the URL has no path below it.
        StoreError: Vault gives no answer that tells.
    """
    mount, kv = target.mount, target.kv
    if mount is None or kv is None:
        told_mount, told_kv = _told(vault, target, operation)
        mount, kv = mount or told_mount, kv or told_kv
    mount = mount or target.path.partition("/")[0]
    path = target.path.removeprefix(mount).strip("/")
    if not path:
        raise ConfigurationError(
            f"{vault.name}: names the mount {mount}, but no secret in it", hint="use vault://MOUNT/PATH"
        )
    if kv is None:
        kv = _looks_like(vault, mount, path, operation)
    return KvV1(vault, mount, path) if kv == 1 else KvV2(vault, mount, path)


def _told(vault: Vault, target: Target, operation: Operation) -> tuple[str | None, int | None]:
    """The mount and its version as Vault tells them to everybody who may see something below; else Nones."""
    answer = vault.ask("GET", f"sys/internal/ui/mounts/{target.path}", operation)
    mount, kind = answer.at("data", "path"), answer.at("data", "type")
    if not answer.ok or not isinstance(mount, str):
        return None, None
    if kind not in ("kv", "generic"):
        raise ConfigurationError(f"{vault.name}: {mount} is a mount of type {kind}, not kv")
    return mount.strip("/"), 2 if answer.at("data", "options", "version") == "2" else 1


def _looks_like(vault: Vault, mount: str, path: str, operation: Operation) -> int:
    """The version by trying: each version refuses the other's paths in its own way."""
    as_2 = vault.ask("GET", f"{mount}/data/{path}", operation)
    if as_2.at("data", "metadata", "version") is not None:
        return 2
    as_1 = vault.ask("GET", f"{mount}/{path}", operation)
    if as_1.says("versioned k/v"):
        return 2
    if as_1.ok:
        return 1
    raise _neither(vault, mount, path, as_2, as_1)


def _neither(vault: Vault, mount: str, path: str, as_2: Answer, as_1: Answer) -> StoreError:
    """A denial says least, so what the other answer says goes first; an empty place fits both versions."""
    if as_1.status == 403 and as_2.status == 403:
        return vault.refusal(as_2, "read", f"{mount}/data/{path}")
    if as_1.status == 404 or as_2.status == 404:
        return SecretNotFound(
            f"{vault.name}: nothing at {path} in {mount}",
            hint="check the path and VAULT_NAMESPACE; if the mount has slashes, add ?mount=",
        )
    return vault.refusal(as_2, "read", f"{mount}/data/{path}")
