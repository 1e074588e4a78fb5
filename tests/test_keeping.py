"""Keeping the pair that was read from the store."""

from __future__ import annotations

import logging
import time

import pytest

from mpesa_secrets.clocks import CLOCKS
from mpesa_secrets.credentials import Credentials
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import AccessDenied, SecretNotFound, StoreError, StoreUnavailable
from mpesa_secrets.keeping import CredentialsKeeper
from mpesa_secrets.stores import StoreDoor
from tests.daraja_client import KEY, SECRET
from tests.shelf import Shelf, together
from tests.token_fixtures import SLACK, HandClocks

TTL, STALE = 300.0, 3600.0
DOWN = StoreUnavailable("the shelf is down")


@pytest.fixture
def keeper(shelf: Shelf, hand: HandClocks) -> CredentialsKeeper:
    return CredentialsKeeper(StoreDoor(shelf.url), TTL, STALE, hand.clocks)


def secret(keeper: CredentialsKeeper, seconds: float = 5.0) -> str:
    """The consumer secret that the keeper has."""
    return keeper.current(Deadline(seconds)).consumer_secret


def test_pair_is_read_once_in_its_time(keeper: CredentialsKeeper, shelf: Shelf, hand: HandClocks) -> None:
    """And again after it, by either clock."""
    assert secret(keeper) == SECRET
    shelf.put(KEY, "new")
    hand.tick(TTL - 1)
    assert secret(keeper) == SECRET
    hand.tick(1)
    assert secret(keeper) == "new"
    hand.wall += TTL
    secret(keeper)
    hand.wall -= TTL
    hand.monotonic += TTL
    secret(keeper)
    assert shelf.reads == ["read"] * 4


def test_many_threads_read_once(keeper: CredentialsKeeper, shelf: Shelf) -> None:
    """They share what comes of it."""
    shelf.delay = 0.1
    pairs = together(32, lambda: keeper.current(Deadline(5)))
    assert pairs == [Credentials(KEY, SECRET, "1")] * 32
    assert shelf.reads == ["read"]


def test_reading_again_goes_past_the_time(keeper: CredentialsKeeper, shelf: Shelf) -> None:
    """Past caches on the way, too; what it finds is kept."""
    secret(keeper)
    shelf.put(KEY, "new")
    assert keeper.reread(Deadline(5)).consumer_secret == "new"
    assert secret(keeper) == "new"
    assert shelf.reads == ["read", "reread"]


def test_nothing_is_kept_for_no_time(shelf: Shelf, hand: HandClocks) -> None:
    """ttl 0 reads always, and stale 0 never makes do."""
    keeper = CredentialsKeeper(StoreDoor(shelf.url), 0, 0, hand.clocks)
    secret(keeper)
    secret(keeper)
    assert len(shelf.reads) == 2
    shelf.failure = DOWN
    with pytest.raises(StoreUnavailable):
        secret(keeper)


def test_store_that_is_down_leaves_the_pair_read_earlier(
    keeper: CredentialsKeeper, shelf: Shelf, hand: HandClocks, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning that names the store, and a pause before it is asked again."""
    secret(keeper)
    shelf.failure = DOWN
    hand.tick(TTL + STALE - 60)
    with caplog.at_level(logging.WARNING, "mpesa_secrets"):
        assert secret(keeper) == SECRET
    assert shelf.url in caplog.text
    secret(keeper)
    assert len(shelf.reads) == 2
    hand.tick(30)
    secret(keeper)
    assert len(shelf.reads) == 3


def test_store_that_is_up_again_is_read(keeper: CredentialsKeeper, shelf: Shelf, hand: HandClocks) -> None:
    """After the pause."""
    secret(keeper)
    shelf.failure = DOWN
    hand.tick(TTL)
    secret(keeper)
    shelf.failure = None
    shelf.put(KEY, "new")
    hand.tick(30)
    assert secret(keeper) == "new"


@pytest.mark.parametrize("before_the_end", [1.0, 29.0, 100.0])
def test_old_pair_is_not_used_beyond_its_limit(
    keeper: CredentialsKeeper, shelf: Shelf, hand: HandClocks, before_the_end: float
) -> None:
    """Not even within the pause after a failure."""
    secret(keeper)
    shelf.failure = DOWN
    hand.tick(TTL + STALE - before_the_end)
    assert secret(keeper) == SECRET
    hand.tick(before_the_end)
    with pytest.raises(StoreUnavailable, match="shelf"):
        secret(keeper)


@pytest.mark.parametrize("failure", [SecretNotFound("gone"), AccessDenied("no")])
def test_store_that_answers_is_believed(
    keeper: CredentialsKeeper, shelf: Shelf, hand: HandClocks, failure: StoreError
) -> None:
    """A pair that is gone, or not ours any more, does not live on."""
    secret(keeper)
    shelf.failure = failure
    hand.tick(TTL)
    with pytest.raises(type(failure)):
        secret(keeper)


def test_store_that_hangs_is_unavailable_in_time(keeper: CredentialsKeeper, shelf: Shelf) -> None:
    """However long the plugin takes, and for all who wait."""
    shelf.delay = 1.2
    begun = time.monotonic()
    errors = together(8, lambda: keeper.current(Deadline(0.2)))
    assert time.monotonic() - begun < 0.2 + SLACK
    assert {type(error) for error in errors} == {StoreUnavailable}
    assert len(shelf.reads) == 1


def test_store_that_hangs_leaves_time_for_daraja(shelf: Shelf) -> None:
    """With an old pair in hand."""
    keeper = CredentialsKeeper(StoreDoor(shelf.url), 0, STALE, CLOCKS)
    secret(keeper)
    shelf.delay = 1.2
    deadline = Deadline(1.0)
    assert keeper.current(deadline).consumer_secret == SECRET
    assert deadline.left() > 0.4


def test_plugin_that_breaks_is_a_store_error(keeper: CredentialsKeeper, shelf: Shelf) -> None:
    """Without the text of what it raised."""
    shelf.failure = ValueError(f"cannot parse {SECRET}")
    with pytest.raises(StoreError, match="ValueError") as raised:
        secret(keeper)
    assert SECRET not in str(raised.value)
