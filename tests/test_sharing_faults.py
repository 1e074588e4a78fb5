"""One token for many processes, when things cross: overtaken holders, foreign entries, rotated pairs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from mpesa_secrets.caches import CacheDoor
from mpesa_secrets.client import Mpesa
from mpesa_secrets.credentials import Credentials
from mpesa_secrets.sealing import Entry, place, seal
from mpesa_secrets.settings import Settings
from mpesa_secrets.sharing import share
from mpesa_secrets.simulator import Simulator
from mpesa_secrets.tokens import AccessToken
from tests.daraja_client import KEY
from tests.sharing_fixtures import PAIR, Slot, requests
from tests.shelf import Shelf
from tests.token_fixtures import eventually, landed


@pytest.fixture(autouse=True)
def nothing_under_way() -> Iterator[None]:
    """Calls of one test do not reach into the next."""
    yield
    eventually(landed)


def test_overtaken_holder_takes_its_successors_token(
    process: Callable[..., Mpesa], daraja: Simulator, slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was paused while it asked: what it got was dead before it arrived, and is not stored."""
    later = AccessToken("the-successors-token-000000", time.time() + 3000, 3599.0)
    real = CacheDoor.call

    def overtaken(door: CacheDoor, method: str, *arguments: object, timeout: float) -> object:
        if method == "store":
            monkeypatch.setattr(CacheDoor, "call", real)
            slot.release(arguments[-1])  # type: ignore[arg-type]
            slot.put(seal(Entry(later), PAIR, slot.key))
        return real(door, method, *arguments, timeout=timeout)

    monkeypatch.setattr(CacheDoor, "call", overtaken)
    assert process().token() == later
    assert process().token() == later
    assert requests(daraja) == 1


def test_token_that_came_between_the_look_and_the_lease_is_taken(
    process: Callable[..., Mpesa], daraja: Simulator, slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder was done just before."""
    just_now = AccessToken("the-token-of-just-now-000000", time.time() + 3000, 3599.0)
    real = CacheDoor.call

    def preceded(door: CacheDoor, method: str, *arguments: object, timeout: float) -> object:
        if method == "lease":
            monkeypatch.setattr(CacheDoor, "call", real)
            slot.put(seal(Entry(just_now), PAIR, slot.key))
        return real(door, method, *arguments, timeout=timeout)

    monkeypatch.setattr(CacheDoor, "call", preceded)
    assert process().token() == just_now
    assert requests(daraja) == 0
    assert slot.lease()


def garbage(_: Slot) -> bytes:
    return b"garbage"


def made_by_somebody_without_the_secret(slot: Slot) -> bytes:
    forged = AccessToken("forged", time.time() + 3000, 3599.0)
    return seal(Entry(forged), Credentials(KEY, "a guess"), slot.key)


def moved_from_another_host(_: Slot) -> bytes:
    moved = AccessToken("moved", time.time() + 3000, 3599.0)
    return seal(Entry(moved), PAIR, place("https://sandbox.example", PAIR))


@pytest.mark.parametrize("entry", [garbage, made_by_somebody_without_the_secret, moved_from_another_host])
def test_entry_that_is_not_ours_is_replaced_with_a_warning(
    process: Callable[..., Mpesa],
    daraja: Simulator,
    slot: Slot,
    caplog: pytest.LogCaptureFixture,
    entry: Callable[[Slot], bytes],
) -> None:
    """Nobody takes it for a token."""
    slot.put(entry(slot))
    tokens = {process().token(), process().token()}
    assert len(tokens) == 1
    assert daraja.is_current(tokens.pop().value)
    assert "not ours" in caplog.text


def test_pair_never_meets_anothers_token(process: Callable[..., Mpesa], daraja: Simulator, shelf: Shelf) -> None:
    """A new pair is another application to the cache."""
    daraja.accept("other-key", "other-secret")
    old = process().token()
    shelf.put("other-key", "other-secret")
    assert process().token() != old
    assert requests(daraja) == 2


def test_rotated_pair_reaches_all_with_the_token_that_verified_it(
    process: Callable[..., Mpesa], daraja: Simulator, shelf: Shelf, cache: str
) -> None:
    """They are refused, read the store, and find it: the whole costs the request of the rotation."""
    clients = [process() for _ in range(6)]
    old = clients[0].token()
    assert {client.token() for client in clients} == {old}
    daraja.accept("other-key", "other-secret")
    pair = Credentials("other-key", "other-secret")
    verified = AccessToken("verified-token-of-the-new-pair", time.time() + 3599, 3599.0)
    shelf.put(pair.consumer_key, pair.consumer_secret)
    assert share(Settings(base_url=daraja.base_url, token_cache=cache), pair, verified)
    daraja.revoke(KEY)
    for client in clients:
        client.invalidate(old)
        assert client.token() == verified
    assert requests(daraja) == 1


def test_shared_token_does_not_replace_a_later_one(
    process: Callable[..., Mpesa], daraja: Simulator, cache: str
) -> None:
    """Somebody has asked for one since."""
    settings = Settings(base_url=daraja.base_url, token_cache=cache)
    earlier = AccessToken("earlier", time.time() + 3500, 3599.0)
    token = process().token()
    assert not share(settings, PAIR, earlier)
    assert process().token() == token
