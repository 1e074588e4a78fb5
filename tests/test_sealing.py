"""What lies in a token cache, and its encryption."""

from __future__ import annotations

import pytest

from mpesa_secrets.credentials import Credentials
from mpesa_secrets.errors import CredentialsRejected, DarajaError, DarajaUnavailable, RequestBlocked
from mpesa_secrets.sealing import Entry, place, seal, unseal
from mpesa_secrets.tokens import AccessToken
from tests.leaks import shows

PAIR = Credentials("consumer-key", "the-consumer-secret-of-this-test")
TOKEN = AccessToken("the-access-token-of-this-test", 1_900_000_000.5, 3599.0)
HERE = place("https://api.example", PAIR)


def opened(sealed: bytes, pair: Credentials = PAIR, where: str = HERE) -> AccessToken | None:
    """The token in an entry, if it opens."""
    entry = unseal(sealed, pair, where)
    return entry.token if entry is not None else None


def test_token_comes_back_whole() -> None:
    """With its end and its lifetime."""
    found = opened(seal(Entry(TOKEN), PAIR, HERE))
    assert found == TOKEN
    assert found is not None
    assert (found.expires_at, found.lifetime) == (TOKEN.expires_at, TOKEN.lifetime)


@pytest.mark.parametrize("kind", [CredentialsRejected, DarajaUnavailable, RequestBlocked])
def test_failure_comes_back_as_what_it_was(kind: type[DarajaError]) -> None:
    """Class, text, hint, requestId and verdict."""
    failure = kind("host: HTTP 400", hint="do this", request_id="1-2-3", retryable=True)
    entry = unseal(seal(Entry(TOKEN, failure), PAIR, HERE), PAIR, HERE)
    assert entry is not None
    assert entry.token == TOKEN
    assert type(entry.failure) is kind
    assert str(entry.failure) == "host: HTTP 400"
    assert vars(entry.failure) == vars(failure)


def test_neither_entry_nor_its_place_shows_a_secret() -> None:
    """Not as text, not in base64; nor does repr."""
    entry = Entry(TOKEN, DarajaUnavailable("x"))
    shown = seal(entry, PAIR, HERE).decode("latin-1") + HERE + repr(entry)
    assert not shows(shown, [TOKEN.value, PAIR.consumer_secret, PAIR.consumer_key])


def test_same_entry_is_never_sealed_alike() -> None:
    """A nonce serves once."""
    assert len({seal(Entry(TOKEN), PAIR, HERE)[1:13] for _ in range(50)}) == 50


def test_every_changed_bit_is_noticed() -> None:
    """Version, nonce, content or tag."""
    sealed = seal(Entry(TOKEN), PAIR, HERE)
    for position in range(len(sealed)):
        forged = bytearray(sealed)
        forged[position] ^= 1
        assert opened(bytes(forged)) is None


@pytest.mark.parametrize("length", [0, 1, 12, 13, 28, 40])
def test_cut_entry_is_none(length: int) -> None:
    """However little is left."""
    assert opened(seal(Entry(TOKEN), PAIR, HERE)[:length]) is None


@pytest.mark.parametrize("garbage", [b"\x01" * 100, b"garbage", b"{}", "text", 5])
def test_garbage_is_none(garbage: bytes) -> None:
    """Even what is no bytes at all."""
    assert opened(garbage) is None


def test_entry_opens_in_its_place_only() -> None:
    """Not for another host, nor for another application with a pair of its own."""
    sealed = seal(Entry(TOKEN), PAIR, HERE)
    other = Credentials(PAIR.consumer_key, "another-secret")
    assert opened(sealed, where=place("https://sandbox.example", PAIR)) is None
    assert opened(sealed, other, place("https://api.example", other)) is None
    assert opened(sealed, other) is None
    assert opened(sealed, Credentials("another-key", PAIR.consumer_secret)) is None


def test_secret_of_any_characters_makes_a_key() -> None:
    """Stores hold what they hold."""
    odd = Credentials("k", "s\u00e9\udc80\n")
    assert opened(seal(Entry(TOKEN), odd, HERE), odd) == TOKEN
