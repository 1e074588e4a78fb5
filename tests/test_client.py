"""The front door, end to end: store, token, rotation, outages; many threads at once."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from mpesa_secrets import (
    AccessToken,
    ConfigurationError,
    CredentialsRejected,
    DarajaUnavailable,
    SecretNotFound,
    StoreUnavailable,
    UnexpectedAnswer,
    connect,
)
from mpesa_secrets.client import Mpesa
from mpesa_secrets.simulator import Simulator
from tests.daraja_client import KEY, SECRET
from tests.shelf import Shelf, together
from tests.token_fixtures import SLACK, TIMEOUT, Client, HandClocks, eventually, landed

NEW = "n" * 64
GRACE = 0.25


def values(outcomes: list[object]) -> set[str]:
    """The tokens among outcomes, all of which must be tokens."""
    assert all(isinstance(outcome, AccessToken) for outcome in outcomes), outcomes
    return {outcome.value for outcome in outcomes if isinstance(outcome, AccessToken)}


def test_connecting_does_no_io(client: Client, daraja: Simulator, shelf: Shelf) -> None:
    """Nor do its auth and its repr."""
    mpesa = client()
    assert mpesa.auth is mpesa.auth
    assert "Mpesa(" in repr(mpesa)
    assert (shelf.reads, daraja.token_requests) == ([], [])


def test_defaults_come_from_the_environment(daraja: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pair, too."""
    monkeypatch.setenv("MPESA_BASE_URL", daraja.base_url)
    monkeypatch.setenv("MPESA_CONSUMER_KEY", KEY)
    monkeypatch.setenv("MPESA_CONSUMER_SECRET", SECRET)
    mpesa = connect()
    assert mpesa.credentials().consumer_secret == SECRET
    token = mpesa.token()
    assert daraja.is_current(token.value)
    assert token.header == f"Bearer {token.value}"
    assert 3590 < token.expires_at - time.time() < 3600


def test_pair_that_is_nowhere_is_heard(daraja: Simulator) -> None:
    """Before Daraja is asked."""
    with pytest.raises(SecretNotFound):
        connect("env://", base_url=daraja.base_url).token()
    assert daraja.token_requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"url": "nosuch://x"},
        {"url": "env"},
        {"environment": "sandpit"},
        {"base_url": "http://daraja.test"},
        {"token_method": "PUT"},
        {"timeout": 0},
        {"token_cache": "nowhere"},
    ],
)
def test_wrong_setting_fails_at_once(arguments: dict[str, Any]) -> None:
    """As a configuration error."""
    with pytest.raises(ConfigurationError) as raised:
        connect(**arguments)
    assert raised.value.exit_code == 3


def test_warm_token_costs_nothing(client: Client, daraja: Simulator, shelf: Shelf) -> None:
    """One request and one read for any number of calls."""
    mpesa = client()
    assert len({mpesa.token() for _ in range(100)}) == 1
    assert (len(daraja.token_requests), shelf.reads) == (1, ["read"])


def test_cold_threads_share_one_request(client: Client, daraja: Simulator, shelf: Shelf) -> None:
    """And one read."""
    daraja.latency = 0.2
    mpesa = client(timeout=5)
    assert len(values(together(64, mpesa.token))) == 1
    assert (len(daraja.token_requests), shelf.reads) == (1, ["read"])


def test_cold_threads_share_one_failure(client: Client, daraja: Simulator) -> None:
    """A refusal is one request for all of them."""
    daraja.latency = 0.2
    daraja.fail("invalid-400", times=None)
    errors = together(64, client(timeout=5).token)
    assert {type(error) for error in errors} == {CredentialsRejected}
    assert len({error.request_id for error in errors if isinstance(error, CredentialsRejected)}) == 1
    assert len({id(error) for error in errors}) == 64
    assert len(daraja.token_requests) == 1


def test_nobody_waits_longer_than_the_timeout_on_a_hang(client: Client, daraja: Simulator) -> None:
    """Nor one after the other."""
    daraja.fail("hang", times=None)
    mpesa, begun = client(timeout=0.6), time.monotonic()
    errors = together(64, mpesa.token)
    assert time.monotonic() - begun < 0.6 + GRACE + SLACK
    assert {type(error) for error in errors} == {DarajaUnavailable}
    assert len(daraja.token_requests) == 1


@pytest.mark.parametrize(
    ("fault", "options", "expected"),
    [
        ("hang", {}, DarajaUnavailable),
        ("slow", {"seconds": 30}, DarajaUnavailable),
        ("drip-body", {}, DarajaUnavailable),
        ("drip-headers", {}, DarajaUnavailable),
        ("drip-headers", {"interval": 0.05}, DarajaUnavailable),
        ("close", {}, DarajaUnavailable),
        ("reset", {}, DarajaUnavailable),
        ("503", {}, DarajaUnavailable),
        ("429", {"retry_after": 1}, DarajaUnavailable),
        ("short-length", {}, DarajaUnavailable),
        ("html-200", {}, UnexpectedAnswer),
    ],
)
def test_every_trouble_ends_with_the_time(
    client: Client, daraja: Simulator, fault: str, options: dict[str, Any], expected: type[Exception]
) -> None:
    """Connecting, reading, retries and waits included; and then all is well again."""
    daraja.fail(fault, times=None, **options)
    mpesa, begun = client(timeout=0.8), time.monotonic()
    with pytest.raises(expected):
        mpesa.token()
    assert time.monotonic() - begun < 0.8 + GRACE + SLACK
    daraja.clear()
    assert daraja.is_current(mpesa.token().value)


def test_refused_token_is_replaced_once_for_twenty_threads(client: Client, daraja: Simulator, shelf: Shelf) -> None:
    """After the pair has been read again; under last-token-wins a second request would hurt."""
    mpesa = client(timeout=5)
    refused = mpesa.token()
    daraja.expire_tokens()
    daraja.latency = 0.1

    def replaced() -> AccessToken:
        mpesa.invalidate(refused)
        return mpesa.token()

    (value,) = values(together(20, replaced))
    assert daraja.is_current(value)
    assert (len(daraja.token_requests), shelf.reads) == (2, ["read", "reread"])
    mpesa.invalidate(refused)
    assert mpesa.token().value == value


def test_rotation_reaches_a_running_client_by_itself(
    client: Client, daraja: Simulator, shelf: Shelf, hand: HandClocks
) -> None:
    """When its token is over: the old pair is refused, the store is read again, the new pair serves."""
    mpesa = client(clocks=hand.clocks, credentials_ttl=1e6)
    mpesa.token()
    daraja.revoke(KEY)
    daraja.accept(KEY, NEW)
    shelf.put(KEY, NEW)
    hand.tick(3600)
    assert daraja.is_current(mpesa.token().value)
    assert mpesa.credentials().consumer_secret == NEW
    assert shelf.reads == ["read", "reread"]
    assert [request.status for request in daraja.token_requests] == [200, 400, 200]


@pytest.mark.parametrize(("monotonic", "wall"), [(0, 3600), (3600, 0), (3600, -7200), (3600, 3600)])
def test_token_is_over_by_either_clock(
    client: Client, daraja: Simulator, hand: HandClocks, monotonic: float, wall: float
) -> None:
    """A restored snapshot, or a wall clock that was set back."""
    mpesa = client(clocks=hand.clocks)
    old = mpesa.token()
    hand.monotonic += monotonic
    hand.wall += wall
    assert mpesa.token() != old
    assert len(daraja.token_requests) == 2


def test_ageing_token_is_refreshed_ahead_while_callers_go_on(
    client: Client, daraja: Simulator, hand: HandClocks
) -> None:
    """Nobody waits for it."""
    mpesa = client(clocks=hand.clocks, timeout=5)
    old = mpesa.token()
    hand.tick(3500)
    daraja.latency = 0.3
    begun = time.monotonic()
    assert mpesa.token() == mpesa.token() == old
    assert time.monotonic() - begun < 0.3
    eventually(landed)
    assert daraja.is_current(mpesa.token().value)
    assert len(daraja.token_requests) == 2


def test_old_token_is_served_while_daraja_is_down(client: Client, daraja: Simulator, hand: HandClocks) -> None:
    """As long as it is good; and then the failure is heard."""
    mpesa = client(clocks=hand.clocks, timeout=0.3)
    old = mpesa.token()
    daraja.fail("wrong-grant", times=None)
    hand.tick(3500)
    assert mpesa.token() == old
    eventually(landed)
    assert mpesa.token() == old
    assert len(daraja.token_requests) == 2
    hand.tick(100)
    with pytest.raises(UnexpectedAnswer):
        mpesa.token()


def test_same_token_again_is_not_asked_for_at_every_call(client: Client, daraja: Simulator, hand: HandClocks) -> None:
    """Some servers hand out one token until it ends."""
    mpesa = client(clocks=hand.clocks)
    old = mpesa.token()
    daraja.fail("answer", times=None, body={"access_token": old.value, "expires_in": "90"})
    hand.tick(3509)
    for _ in range(29):
        assert mpesa.token() == old
        eventually(landed)
        hand.tick(1)
    assert len(daraja.token_requests) == 2


def test_short_lifetime_does_not_cost_a_request_at_each_call(client: Client, daraja: Simulator) -> None:
    """A minute is long enough for many calls."""
    daraja.fail("expires-in", times=None, expires_in=60)
    mpesa = client()
    assert len({mpesa.token() for _ in range(64)}) == 1
    eventually(landed)
    assert len(daraja.token_requests) == 1


def test_store_that_is_down_leaves_old_credentials_for_a_while(
    client: Client, daraja: Simulator, shelf: Shelf, hand: HandClocks, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning; not beyond the limit."""
    mpesa = client(clocks=hand.clocks, credentials_stale=7000)
    mpesa.token()
    shelf.failure = StoreUnavailable("the shelf is down")
    hand.tick(3600)
    with caplog.at_level(logging.WARNING, "mpesa_secrets"):
        assert daraja.is_current(mpesa.token().value)
    assert "cannot be reached" in caplog.text
    hand.tick(3700)
    with pytest.raises(StoreUnavailable):
        mpesa.token()
    with pytest.raises(StoreUnavailable):
        mpesa.credentials()


def test_store_that_hangs_is_unavailable_in_time(client: Client, daraja: Simulator, shelf: Shelf) -> None:
    """For the pair as for the token."""
    shelf.delay = 1.2
    mpesa = client(timeout=0.3)
    for ask in (mpesa.token, mpesa.credentials):
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            ask()
        assert time.monotonic() - begun < 0.3 + GRACE + SLACK
    assert daraja.token_requests == []


def test_store_that_hangs_leaves_time_for_a_token(
    client: Client, daraja: Simulator, shelf: Shelf, hand: HandClocks
) -> None:
    """By old credentials, within the same time-out."""
    mpesa = client(clocks=hand.clocks)
    mpesa.token()
    shelf.delay = 1.2
    hand.tick(3600)
    daraja.latency = 0.3
    begun = time.monotonic()
    assert daraja.is_current(mpesa.token().value)
    assert time.monotonic() - begun < TIMEOUT


def test_wrong_method_is_tried_and_remembered(client: Client) -> None:
    """Across tokens."""
    with Simulator(KEY, SECRET, method="POST") as daraja:
        mpesa: Mpesa = client(base_url=daraja.base_url)
        mpesa.invalidate(mpesa.token())
        mpesa.token()
        assert [request.method for request in daraja.token_requests] == ["GET", "POST", "POST"]
