"""HashiCorp Vault and OpenBao as a store: `vault://MOUNT/PATH` in a key-value engine of version 1 or 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote

from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.urls import parameter, redacted, split

if TYPE_CHECKING:
    from .store import VaultStore

_PARAMETERS = {"auth", "auth_mount", "role", "mount", "kv", "key_field", "secret_field"}


class Target(NamedTuple):
    """What a store's URL says: the whole path, and, where it says so, the mount and the version (1 or 2)."""

    path: str
    mount: str | None
    kv: int | None


def open_store(url: str) -> VaultStore:
    """The store for `vault://MOUNT/PATH`; asks nothing of Vault yet.

    Raises:
        ConfigurationError: the URL or a `VAULT_*` variable cannot be right.
    """
    target = _target(url)
    # hvac comes with it, and `mpesa-secrets backends` does not need that.
    from .store import VaultStore

    return VaultStore(url, target)


open_store.url_form = "vault://MOUNT/PATH"  # type: ignore[attr-defined]  # shown by `backends`


def _target(url: str) -> Target:
    parts = split(url)
    if unknown := sorted({name for name, _ in parse_qsl(parts.query, True)} - _PARAMETERS):
        raise _wrong(url, f"unknown parameter {unknown[0]!r}")
    if parts.username is not None or parts.fragment:
        raise _wrong(url, "has a user or a fragment; write @ as %40 and # as %23")
    path = _segments(url, unquote(f"{parts.netloc}{parts.path}"))
    mount = _segments(url, parameter(url, "mount") or "") or None
    if "/" not in path or (mount and not path.startswith(f"{mount}/")):
        raise _wrong(url, "the path is not below a mount")
    kv = parameter(url, "kv")
    if kv not in (None, "1", "2"):
        raise _wrong(url, f"?kv={kv} is neither 1 nor 2")
    return Target(path, mount, int(kv) if kv else None)


def _segments(url: str, path: str) -> str:
    segments = [segment for segment in path.split("/") if segment]
    # HTTP clients would resolve the dots, and ask for a place that the URL does not name.
    if any(segment in (".", "..") for segment in segments) or not path.isprintable():
        raise _wrong(url, "the path has dots or control characters for a name")
    return "/".join(segments)


def _wrong(url: str, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"URL {redacted(url)}: {why}", hint="use vault://MOUNT/PATH, for example vault://secret/mpesa"
    )
