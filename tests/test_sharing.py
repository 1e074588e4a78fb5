"""One token for many processes: here each client stands for a process, with a memory of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mpesa_secrets.client import Mpesa
from mpesa_secrets.errors import CredentialsRejected, DarajaUnavailable
from mpesa_secrets.simulator import Simulator
from mpesa_secrets.tokens import AccessToken
from tests.daraja_client import KEY
from tests.sharing_fixtures import Slot, requests
from tests.shelf import Shelf, together
from tests.token_fixtures import TIMEOUT, HandClocks, eventually, landed


@pytest.fixture(autouse=True)
def nothing_under_way() -> Iterator[None]:
    """Calls of one test do not reach into the next."""
    yield
    eventually(landed)


def test_second_process_takes_the_firsts_token(process: Callable[..., Mpesa], daraja: Simulator) -> None:
    """With its end and its lifetime."""
    first, second = process().token(), process().token()
    assert (first, first.expires_at, first.lifetime) == (second, second.expires_at, second.lifetime)
    assert requests(daraja) == 1


def test_cold_processes_make_one_request(process: Callable[..., Mpesa], daraja: Simulator) -> None:
    """All at the same time."""
    daraja.latency = 0.2
    clients = [process() for _ in range(12)]
    tokens = together(12, lambda: clients.pop().token())
    assert len(set(tokens)) == 1
    assert requests(daraja) == 1


@pytest.mark.parametrize(("fault", "error"), [("empty-400", CredentialsRejected), ("hang", DarajaUnavailable)])
def test_failure_is_shared_by_those_who_waited(
    process: Callable[..., Mpesa], daraja: Simulator, fault: str, error: type[Exception]
) -> None:
    """One process asks, within its time; nobody asks after it."""
    daraja.latency = 0.3
    daraja.fail(fault, None)
    clients = [process(timeout=4.0) for _ in range(8)]
    begun = time.monotonic()
    failures = together(8, lambda: clients.pop().token())
    assert {type(failure) for failure in failures} == {error}
    assert time.monotonic() - begun < 4.0 + 1.0
    assert requests(daraja) == 1


def test_failure_of_before_is_nobodys(process: Callable[..., Mpesa], daraja: Simulator) -> None:
    """Who comes later asks anew."""
    daraja.fail("empty-400")
    with pytest.raises(CredentialsRejected):
        process().token()
    assert process().token()
    assert requests(daraja) == 2


def test_failed_refresh_leaves_the_good_token_to_the_others(
    process: Callable[..., Mpesa], daraja: Simulator, hand: HandClocks
) -> None:
    """A cold process takes it."""
    old = process(clocks=hand.clocks)
    token = old.token()
    hand.tick(3599 - 60)
    daraja.fail("empty-400", None)
    assert old.token() == token
    eventually(lambda: requests(daraja) == 2)
    eventually(landed)
    assert process(clocks=hand.clocks).token() == token


def test_refused_token_is_replaced_once_for_all(process: Callable[..., Mpesa], daraja: Simulator) -> None:
    """Each forgets its own copy; one asks Daraja."""
    clients = [process() for _ in range(12)]
    tokens = {client.token() for client in clients}
    daraja.expire_tokens()

    def refused() -> AccessToken:
        client = clients.pop()
        client.invalidate(next(iter(tokens)))
        return client.token()

    replacements = together(12, refused)
    assert len(set(replacements)) == 1
    assert set(replacements) != tokens
    assert requests(daraja) == 2


def test_process_that_is_refused_looks_into_the_cache_first(
    process: Callable[..., Mpesa], daraja: Simulator, shelf: Shelf
) -> None:
    """Somebody has replaced the token already; not even the store is asked again."""
    one, other = process(), process()
    old = one.token()
    assert other.token() == old
    one.invalidate(old)
    new = one.token()
    other.invalidate(old)
    assert other.token() == new
    assert requests(daraja) == 2
    assert shelf.reads.count("reread") == 1


def test_refused_token_that_could_not_be_replaced_is_given_to_nobody(
    process: Callable[..., Mpesa], daraja: Simulator
) -> None:
    """It leaves the cache, too."""
    one = process()
    old = one.token()
    daraja.fail("empty-400")
    one.invalidate(old)
    with pytest.raises(CredentialsRejected):
        one.token()
    assert process().token() != old


def test_one_process_refreshes_ahead_and_the_others_go_on(
    process: Callable[..., Mpesa], daraja: Simulator, hand: HandClocks
) -> None:
    """They find the new token when they look."""
    clients = [process(clocks=hand.clocks) for _ in range(5)]
    old = {client.token() for client in clients}
    hand.tick(3599 - 100)
    for client in clients:
        client.token()
        eventually(landed)
    assert requests(daraja) == 2
    hand.tick(1.5)
    new = {client.token() for client in clients}
    assert len(new) == 1
    assert new != old
    assert requests(daraja) == 2


def test_token_that_somebody_replaced_is_found_in_the_margin(
    process: Callable[..., Mpesa], daraja: Simulator, hand: HandClocks
) -> None:
    """Before a call is made with the old one."""
    one, other = process(clocks=hand.clocks), process(clocks=hand.clocks)
    old = one.token()
    assert other.token() == old
    hand.tick(3599 - 268.9)
    one.invalidate(old)
    new = one.token()
    assert other.token() == new
    assert requests(daraja) == 2


def test_cold_process_takes_an_ageing_token(process: Callable[..., Mpesa], daraja: Simulator, hand: HandClocks) -> None:
    """It is good still."""
    token = process(clocks=hand.clocks).token()
    hand.tick(3599 - 30)
    assert process(clocks=hand.clocks).token() == token
    assert requests(daraja) == 1


def test_cache_is_asked_once_a_second_in_the_margin_and_never_before(
    process: Callable[..., Mpesa], hand: HandClocks, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A cache that has become a directory complains each time that it is asked."""
    caplog.set_level(logging.WARNING)
    client = process(clocks=hand.clocks)
    client.token()
    (tmp_path / "tokens").unlink()
    (tmp_path / "tokens").mkdir()
    for _ in range(50):
        hand.tick(60)
        client.token()
    assert not caplog.records
    hand.tick(3599 - 3000 - 265)
    client.token()
    assert "token cache" in caplog.text


def test_crashed_holder_is_replaced_while_others_wait(
    process: Callable[..., Mpesa], daraja: Simulator, slot: Slot
) -> None:
    """Its lease runs out."""
    assert slot.lease(TIMEOUT / 4)
    assert process().token()
    assert requests(daraja) == 1


def test_waiter_gives_up_within_its_own_time(process: Callable[..., Mpesa], daraja: Simulator, slot: Slot) -> None:
    """However long the holder takes."""
    slot.lease(60.0)
    begun = time.monotonic()
    with pytest.raises(DarajaUnavailable, match="no token within"):
        process(timeout=0.6).token()
    assert time.monotonic() - begun < 0.6 + 1.0
    assert requests(daraja) == 0


def test_slow_holder_keeps_its_lease(process: Callable[..., Mpesa], daraja: Simulator) -> None:
    """It is renewed for as long as Daraja takes."""
    daraja.latency = 1.5
    clients = [process(timeout=4.0) for _ in range(6)]
    assert len(set(together(6, lambda: clients.pop().token()))) == 1
    assert requests(daraja) == 1


def test_pair_that_was_rotated_while_others_were_waited_for_is_found(
    process: Callable[..., Mpesa], daraja: Simulator, shelf: Shelf, slot: Slot
) -> None:
    """A refused process had read the store already, and then waited; Daraja refuses what it had read."""
    client = process()
    old = client.token()
    daraja.expire_tokens()
    client.invalidate(old)
    fence = slot.lease()
    tokens: list[AccessToken] = []
    waiting = threading.Thread(target=lambda: tokens.append(client.token()))
    waiting.start()
    eventually(lambda: "reread" in shelf.reads)
    daraja.accept("other-key", "other-secret")
    shelf.put("other-key", "other-secret")
    daraja.revoke(KEY)
    slot.release(fence)
    waiting.join()
    assert [daraja.is_current(token.value) for token in tokens] == [True]
