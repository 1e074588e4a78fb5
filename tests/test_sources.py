"""The pair out of the store, exchanged for a token, while it may change under our feet."""

from __future__ import annotations

import pytest

from mpesa_secrets.clocks import CLOCKS
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import (
    AccessDenied,
    ConfigurationError,
    CredentialsRejected,
    DarajaUnavailable,
    SecretNotFound,
    StoreUnavailable,
)
from mpesa_secrets.fetching import TokenFetcher
from mpesa_secrets.keeping import CredentialsKeeper
from mpesa_secrets.simulator import Simulator
from mpesa_secrets.sources import PairSource, Unshared
from mpesa_secrets.stores import StoreDoor
from mpesa_secrets.tokens import AccessToken
from tests.daraja_client import KEY, SECRET
from tests.shelf import Shelf

NEW = "n" * 64


@pytest.fixture
def source(daraja: Simulator, shelf: Shelf) -> PairSource:
    keeper = CredentialsKeeper(StoreDoor(shelf.url), 300, 3600, CLOCKS)
    return PairSource(keeper, Unshared(TokenFetcher(daraja.base_url)))


def obtain(source: PairSource, refused: AccessToken | None = None, seconds: float = 5.0) -> AccessToken:
    return source.obtain(refused, Deadline(seconds))


def rotate(daraja: Simulator, shelf: Shelf) -> None:
    """A new pair in the portal and in the store."""
    daraja.revoke(KEY)
    daraja.accept(KEY, NEW)
    shelf.put(KEY, NEW)


def test_token_costs_one_read_and_one_request(source: PairSource, daraja: Simulator, shelf: Shelf) -> None:
    """And the next one no read."""
    assert daraja.is_current(obtain(source).value)
    assert (shelf.reads, len(daraja.token_requests)) == (["read"], 1)
    obtain(source)
    assert (shelf.reads, len(daraja.token_requests)) == (["read"], 2)


def test_rotated_pair_is_found_by_the_refusal_of_the_old_one(
    source: PairSource, daraja: Simulator, shelf: Shelf
) -> None:
    """One more read, one more request, and nobody hears of it."""
    obtain(source)
    rotate(daraja, shelf)
    assert daraja.is_current(obtain(source).value)
    assert shelf.reads == ["read", "reread"]
    assert [request.status for request in daraja.token_requests] == [200, 400, 200]


def test_wrong_pair_is_read_again_once_and_not_asked_again(source: PairSource, daraja: Simulator, shelf: Shelf) -> None:
    """The same pair is as wrong as before."""
    shelf.put(KEY, "wrong")
    with pytest.raises(CredentialsRejected):
        obtain(source)
    assert (shelf.reads, len(daraja.token_requests)) == (["read", "reread"], 1)


def test_other_wrong_pair_is_the_end(source: PairSource, daraja: Simulator, shelf: Shelf) -> None:
    """No third one is looked for."""
    obtain(source)
    daraja.revoke(KEY)
    shelf.put(KEY, "wrong, too")
    with pytest.raises(CredentialsRejected):
        obtain(source)
    assert (shelf.reads, len(daraja.token_requests)) == (["read", "reread"], 3)


@pytest.mark.parametrize("failure", [StoreUnavailable("down"), AccessDenied("no"), SecretNotFound("gone")])
def test_refusal_is_heard_if_the_store_fails_meanwhile(
    source: PairSource, daraja: Simulator, shelf: Shelf, failure: Exception
) -> None:
    """It is the better reason."""
    obtain(source)
    daraja.revoke(KEY)
    shelf.failure = failure
    with pytest.raises(CredentialsRejected):
        obtain(source)


def test_pair_is_read_again_before_a_refused_token_is_replaced(
    source: PairSource, daraja: Simulator, shelf: Shelf
) -> None:
    """It may have been rotated; the old one is not tried."""
    refused = obtain(source)
    rotate(daraja, shelf)
    assert daraja.is_current(obtain(source, refused).value)
    assert shelf.reads == ["read", "reread"]
    assert [request.status for request in daraja.token_requests] == [200, 200]


def test_refused_token_is_replaced_though_the_store_is_down(source: PairSource, shelf: Shelf) -> None:
    """By the pair that was read earlier."""
    refused = obtain(source)
    shelf.failure = StoreUnavailable("down")
    assert obtain(source, refused) != refused


@pytest.mark.parametrize("failure", [AccessDenied("denied"), SecretNotFound("gone"), ConfigurationError("no login")])
def test_refused_token_is_replaced_though_the_store_says_no(
    source: PairSource, shelf: Shelf, failure: Exception
) -> None:
    """The pair in hand may well be good."""
    token = obtain(source)
    shelf.failure = failure
    assert obtain(source, refused=token) != token


def test_outage_of_daraja_does_not_touch_the_store(source: PairSource, daraja: Simulator, shelf: Shelf) -> None:
    """It says nothing of the pair."""
    daraja.fail("503", times=None)
    with pytest.raises(DarajaUnavailable):
        obtain(source, seconds=0.3)
    assert shelf.reads == ["read"]


def test_secret_with_odd_characters_goes_as_it_is(source: PairSource, daraja: Simulator, shelf: Shelf) -> None:
    """Colons in the secret, letters beyond ASCII."""
    daraja.accept("key", "s:e:c\u00e9\u2713")
    shelf.put("key", "s:e:c\u00e9\u2713")
    assert daraja.is_current(obtain(source).value)
    assert SECRET not in shelf.fields.values()
