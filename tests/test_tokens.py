"""The holder of one token: fresh, ageing, over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import DarajaUnavailable
from mpesa_secrets.tokens import AccessToken, TokenHolder
from tests.shelf import together
from tests.token_fixtures import HandClocks, eventually, landed

LIFETIME = 3599.0


class Mint:
    """Gives a new token each time, or fails; can be held up."""

    def __init__(self, hand: HandClocks) -> None:
        self.lifetime = LIFETIME
        self.asked: list[AccessToken | None] = []
        self.failure: Exception | None = None
        self.same: AccessToken | None = None
        self.go = threading.Event()
        self.go.set()
        self._hand = hand

    def obtain(self, refused: AccessToken | None, deadline: Deadline, _held: AccessToken | None = None) -> AccessToken:
        """A token, the same one if there is such."""
        self.asked.append(refused)
        number = len(self.asked)
        assert self.go.wait(deadline.left())
        if self.failure is not None:
            raise self.failure
        return self.same or AccessToken(f"token-{number}", self._hand.wall + self.lifetime, self.lifetime)

    def peek(self, known: AccessToken, _deadline: Deadline) -> AccessToken | None:
        """Nobody shares."""
        raise AssertionError(known)


@pytest.fixture
def mint(hand: HandClocks) -> Mint:
    return Mint(hand)


@pytest.fixture
def holder(mint: Mint, hand: HandClocks) -> TokenHolder:
    return TokenHolder(mint, 5.0, clocks=hand.clocks)


def value(holder: TokenHolder, hand: HandClocks) -> str:
    """The token as a client takes it: the fast way, or the slow one; once what it began has landed."""
    token, monotonic, wall = holder.fresh
    if token is None or hand.monotonic >= monotonic or hand.wall >= wall:
        token = holder.get()
        eventually(landed)
    return token.value


def test_token_is_kept_while_it_is_fresh(holder: TokenHolder, hand: HandClocks, mint: Mint) -> None:
    """Nobody is asked before the margin."""
    assert {value(holder, hand) for _ in range(3)} == {"token-1"}
    hand.tick(LIFETIME - 301)
    assert value(holder, hand) == "token-1"
    assert mint.asked == [None]


def test_ageing_token_is_refreshed_behind_the_callers_backs(holder: TokenHolder, hand: HandClocks, mint: Mint) -> None:
    """They get the old one, all of them, until the new one is there."""
    value(holder, hand)
    hand.tick(LIFETIME - 200)
    mint.go.clear()
    assert {holder.get().value for _ in range(20)} == {"token-1"}
    hand.tick(2)
    assert holder.get().value == "token-1"
    assert len(mint.asked) == 2
    mint.go.set()
    eventually(landed)
    assert value(holder, hand) == "token-2"
    assert len(mint.asked) == 2


def test_margin_has_jitter(hand: HandClocks) -> None:
    """Clients that began together do not come back together."""
    ends = set()
    for _ in range(20):
        holder = TokenHolder(Mint(hand), 5.0, clocks=hand.clocks)
        holder.get()
        ends.add(holder.fresh[1] - hand.monotonic)
    assert len(ends) > 10
    assert all(LIFETIME - 300 <= end <= LIFETIME - 200 for end in ends)


@pytest.mark.parametrize("lifetime", [1.0, 10.0, 60.0, 600.0])
def test_short_lifetime_scales_the_margin(holder: TokenHolder, hand: HandClocks, mint: Mint, lifetime: float) -> None:
    """A fifth of it at most: no refresh at each call."""
    mint.lifetime = lifetime
    value(holder, hand)
    hand.tick(lifetime * 0.79)
    assert value(holder, hand) == "token-1"
    assert len(mint.asked) == 1
    hand.tick(lifetime * 0.2)
    assert value(holder, hand) == "token-1"
    assert len(mint.asked) == 2
    assert value(holder, hand) == "token-2"


def test_token_that_is_over_is_not_served(holder: TokenHolder, hand: HandClocks, mint: Mint) -> None:
    """Callers wait for the next, or hear why there is none."""
    value(holder, hand)
    hand.tick(LIFETIME)
    mint.failure = DarajaUnavailable("down")
    with pytest.raises(DarajaUnavailable, match="down"):
        holder.get()
    mint.failure = None
    assert value(holder, hand) == "token-3"


def test_wall_clock_ends_a_token_where_the_other_stood_still(holder: TokenHolder, hand: HandClocks) -> None:
    """A machine that was restored from a snapshot."""
    value(holder, hand)
    hand.wall += 3600
    assert value(holder, hand) == "token-2"


def test_monotonic_clock_ends_a_token_where_the_other_was_set_back(holder: TokenHolder, hand: HandClocks) -> None:
    """By an hour, say."""
    value(holder, hand)
    hand.wall -= 3600
    hand.monotonic += LIFETIME
    assert value(holder, hand) == "token-2"


def test_clock_that_is_set_back_during_a_request_does_not_lengthen_the_token(
    hand: HandClocks, mint: Mint, holder: TokenHolder
) -> None:
    """Its lifetime is all that it gets."""
    mint.same = AccessToken("token-1", hand.wall + 3600 + LIFETIME, LIFETIME)
    value(holder, hand)
    mint.same = None
    hand.tick(LIFETIME)
    assert value(holder, hand) == "token-2"


@pytest.mark.parametrize(("left", "pause"), [(190.0, 5.0), (40.0, 4.0), (2.0, 0.2)])
def test_failed_refresh_ahead_is_tried_again_after_a_pause(
    holder: TokenHolder, hand: HandClocks, mint: Mint, left: float, pause: float
) -> None:
    """5 s, or a tenth of what is left; the old token is served meanwhile."""
    value(holder, hand)
    hand.tick(LIFETIME - left)
    mint.failure = DarajaUnavailable("down")
    assert value(holder, hand) == "token-1"
    hand.tick(pause * 0.98)
    assert value(holder, hand) == "token-1"
    assert len(mint.asked) == 2
    mint.failure = None
    hand.tick(pause * 0.04)
    assert value(holder, hand) == "token-1"
    assert len(mint.asked) == 3
    assert value(holder, hand) == "token-3"


def test_failed_refresh_ahead_is_logged(
    holder: TokenHolder, hand: HandClocks, mint: Mint, caplog: pytest.LogCaptureFixture
) -> None:
    """With the class of what went wrong, and how long the token still lasts."""
    value(holder, hand)
    hand.tick(LIFETIME - 100)
    mint.failure = DarajaUnavailable("down")
    with caplog.at_level(logging.WARNING, "mpesa_secrets"):
        value(holder, hand)
    assert "DarajaUnavailable" in caplog.text
    assert "100 s" in caplog.text


def test_refresh_that_brings_no_later_end_holds_off(holder: TokenHolder, hand: HandClocks, mint: Mint) -> None:
    """A server that hands out the same token is not asked at every call."""
    mint.lifetime = 600
    first = holder.get()
    eventually(landed)
    hand.tick(505)
    mint.same = first
    for _ in range(29):
        assert value(holder, hand) == "token-1"
        hand.tick(1)
    assert len(mint.asked) == 2
    hand.tick(2)
    value(holder, hand)
    assert len(mint.asked) == 3


def test_refused_token_is_replaced_once_for_all_who_were_refused(
    holder: TokenHolder, hand: HandClocks, mint: Mint
) -> None:
    """The source hears which one it was."""
    refused = holder.get()
    assert value(holder, hand) == "token-1"

    def replaced() -> AccessToken:
        holder.invalidate(refused)
        return holder.get()

    assert {token.value for token in together(20, replaced) if isinstance(token, AccessToken)} == {"token-2"}
    assert mint.asked == [None, refused]


def test_straggler_with_an_old_token_does_not_take_the_new_one_away(
    holder: TokenHolder, hand: HandClocks, mint: Mint
) -> None:
    """Only the current token can be refused."""
    old = holder.get()
    holder.invalidate(old)
    assert value(holder, hand) == "token-2"
    holder.invalidate(old)
    holder.invalidate(AccessToken("somebody's", 0, 0))
    assert value(holder, hand) == "token-2"
    assert len(mint.asked) == 2


def test_refused_token_is_not_served_though_it_is_not_over(holder: TokenHolder, hand: HandClocks, mint: Mint) -> None:
    """The failure to replace it is heard, and the next try still names it."""
    refused = holder.get()
    holder.invalidate(refused)
    mint.failure = DarajaUnavailable("down")
    with pytest.raises(DarajaUnavailable):
        holder.get()
    mint.failure = None
    assert value(holder, hand) == "token-3"
    assert mint.asked == [None, refused, refused]


def test_source_that_hangs_is_an_outage(hand: HandClocks, mint: Mint) -> None:
    """Said within the time-out and its grace."""
    holder = TokenHolder(mint, 0.1, clocks=hand.clocks)
    gate = threading.Event()
    mint.obtain = lambda *_: gate.wait(5)  # type: ignore[method-assign, assignment]
    with pytest.raises(DarajaUnavailable, match="within"):
        holder.get()
    gate.set()


def test_token_comes_where_no_thread_is_to_be_had(
    holder: TokenHolder, hand: HandClocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the end of the interpreter, or at a limit of the system; cold and ahead."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert value(holder, hand) == "token-1"
    hand.tick(LIFETIME - 100)
    assert value(holder, hand) in ("token-1", "token-2")
    assert value(holder, hand) == "token-2"


@pytest.mark.parametrize("show", [repr, str, format, lambda token: f"{token!r} {[token]} {(token,)}"])
def test_token_is_not_shown(show: Callable[[AccessToken], str]) -> None:
    """By nothing but its value and its header."""
    token = AccessToken("hidden-value", 1000.0, 60.0)
    assert "hidden" not in show(token)
    assert (token.value, token.header) == ("hidden-value", "Bearer hidden-value")
    assert not hasattr(token, "__dict__")


def test_tokens_are_equal_by_value() -> None:
    """Whatever their times."""
    assert AccessToken("a", 1, 1) == AccessToken("a", 2, 2) != AccessToken("b", 1, 1)
    assert len({AccessToken("a", 1, 1), AccessToken("a", 2, 2)}) == 1
