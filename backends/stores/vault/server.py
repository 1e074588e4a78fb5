"""Where Vault is and how to talk to it, as the `VAULT_*` variables of the vault CLI say."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import urlsplit

from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.urls import is_loopback, redacted, split

DEFAULT_ADDRESS = "https://127.0.0.1:8200"  # the vault CLI's


class Hidden:
    """A text that nothing shows."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


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
    address = Hidden(os.environ.get("VAULT_ADDR") or DEFAULT_ADDRESS)
    fault = _fault(address)
    if fault is not None:
        raise ConfigurationError(f"VAULT_ADDR {redacted(address.text)}: {fault}", hint=f"for example {DEFAULT_ADDRESS}")
    return address.text.rstrip("/")


def _fault(address: Hidden) -> str | None:
    """What is wrong with an address; told, not raised, because these locals may hold a password."""
    try:
        parts = urlsplit(address.text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "cannot be parsed"
    if parts.scheme not in ("http", "https") or not host:
        return "not an http(s) URL"
    if parts.username is not None or parts.query or parts.fragment:
        return "holds a user, a query or a fragment"
    return None


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
