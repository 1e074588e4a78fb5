"""Where Vault is and how to talk to it, as the `VAULT_*` variables of the vault CLI say."""

from __future__ import annotations

import os
from typing import NamedTuple

from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.urls import is_loopback, redacted, split

DEFAULT_ADDRESS = "https://127.0.0.1:8200"  # the vault CLI's


class Server(NamedTuple):
    """Where Vault is and how to talk to it.

    Attributes:
        address: `http(s)://host[:port]`, without a trailing slash.
        namespace: of Vault Enterprise or OpenBao, or None.
        verify: False, True, or the path of a CA file or directory.
        certificate: the paths of the client's certificate and key, or None.
    """

    address: str
    namespace: str | None
    verify: bool | str
    certificate: tuple[str, str] | None

    @classmethod
    def from_environment(cls) -> Server:
        """The server that the `VAULT_*` variables name; raises ConfigurationError."""
        certificate, key = _path("VAULT_CLIENT_CERT"), _path("VAULT_CLIENT_KEY")
        return cls(
            _address(),
            os.environ.get("VAULT_NAMESPACE", "").strip("/") or None,
            _verify(),
            (certificate, key) if certificate and key else None,
        )

    def remarks(self) -> list[str]:
        """What is less safe than it should be."""
        plain = self.address.startswith("http:") and not is_loopback(split(self.address).hostname)
        return [
            *(["VAULT_ADDR is plain http: the secret crosses the network in the clear"] if plain else []),
            *(["VAULT_SKIP_VERIFY is set: anybody may pose as Vault"] if self.verify is False else []),
        ]


def _address() -> str:
    address = os.environ.get("VAULT_ADDR") or DEFAULT_ADDRESS
    parts = split(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"VAULT_ADDR {redacted(address)}: not an http(s) URL", hint="for example https://vault.example:8200"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            f"VAULT_ADDR {redacted(address)}: holds a user, a query or a fragment", hint="remove it"
        )
    return address.rstrip("/")


def _verify() -> bool | str:
    skip = os.environ.get("VAULT_SKIP_VERIFY", "").lower()
    if skip not in ("", "0", "1", "f", "t", "false", "true"):
        raise ConfigurationError(f"VAULT_SKIP_VERIFY {skip!r}: neither true nor false")
    if skip in ("1", "t", "true"):
        return False
    return _path("VAULT_CACERT") or _path("VAULT_CAPATH") or True


def _path(name: str) -> str | None:
    path = os.environ.get(name) or None
    if path is not None and not os.path.exists(path):
        raise ConfigurationError(f"{name} {path}: no such file or directory")
    return path
