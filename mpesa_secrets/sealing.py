"""What lies in a token cache, and its encryption.

The key comes from the consumer secret by HKDF-SHA256; AES-256-GCM encrypts, and authenticates together with the place
that an entry was made for. So who has the cache but not the secret can neither read an entry, nor make one, nor put one
application's in another's place.
"""

from __future__ import annotations

import json
import os
from typing import Any

from mpesa_secrets import errors
from mpesa_secrets.credentials import Credentials
from mpesa_secrets.errors import DarajaError
from mpesa_secrets.tokens import AccessToken

_PURPOSE = b"mpesa-secrets token cache v1\x00"
_VERSION = b"\x01"
_NONCE = 12  # bytes, as NIST SP 800-38D has it; random, since a pair seals some tens of entries a day


class Entry:
    """What processes share: a token, why the last try to get one failed, or both.

    Attributes:
        token: the newest token, or None.
        failure: the last failure, if it came after the token.
    """

    __slots__ = ("failure", "token")

    def __init__(self, token: AccessToken | None = None, failure: DarajaError | None = None) -> None:
        self.token = token
        self.failure = failure

    def __repr__(self) -> str:
        return f"Entry(token={self.token!r}, failure={type(self.failure).__name__ if self.failure else None})"


def place(base_url: str, credentials: Credentials) -> str:
    """The key of a pair's entry: Daraja's address and the pair's fingerprint. Holds nothing secret."""
    return f"{base_url}#{credentials.fingerprint}"


def seal(entry: Entry, credentials: Credentials, place: str) -> bytes:
    """Encrypt an entry for one place, with a key that only holders of the consumer secret have."""
    nonce = os.urandom(_NONCE)
    bound = _PURPOSE + place.encode()
    sealed: bytes = _cipher(credentials).encrypt(nonce, json.dumps(_content(entry)).encode(), bound)
    return _VERSION + nonce + sealed


def unseal(sealed: bytes, credentials: Credentials, place: str) -> Entry | None:
    """The entry, or None where these bytes are no entry of this pair for this place."""
    from cryptography.exceptions import InvalidTag

    if not isinstance(sealed, bytes) or sealed[:1] != _VERSION:
        return None
    nonce, rest = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    try:
        return _entry(json.loads(_cipher(credentials).decrypt(nonce, rest, _PURPOSE + place.encode())))
    except (InvalidTag, ValueError, TypeError, KeyError):
        return None


def _cipher(credentials: Credentials) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    salt = credentials.consumer_key.encode("utf-8", "surrogatepass")
    derivation = HKDF(SHA256(), 32, salt, _PURPOSE)
    return AESGCM(derivation.derive(credentials.consumer_secret.encode("utf-8", "surrogatepass")))


def _content(entry: Entry) -> dict[str, object]:
    token, failure = entry.token, entry.failure
    return {
        "token": token and [token.value, token.expires_at, token.lifetime],
        "failure": failure
        and [type(failure).__name__, str(failure), failure.hint, failure.request_id, failure.retryable],
    }


def _entry(content: dict[str, Any]) -> Entry:
    token, failure = content["token"], content["failure"]
    return Entry(AccessToken(*token) if token else None, _failure(*failure) if failure else None)


def _failure(name: str, message: str, hint: str | None, request_id: str | None, retryable: bool) -> DarajaError:
    kind = getattr(errors, name, DarajaError)
    if not (isinstance(kind, type) and issubclass(kind, DarajaError)):
        kind = DarajaError
    return kind(message, hint=hint, request_id=request_id, retryable=retryable)
