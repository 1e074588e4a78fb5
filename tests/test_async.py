"""The token for tasks: the same one, without blocking the event loop."""

from __future__ import annotations

import asyncio
import time

import pytest

from mpesa_secrets import AccessToken, CredentialsRejected, DarajaUnavailable, MpesaSecretsError
from mpesa_secrets.client import Mpesa
from mpesa_secrets.simulator import Simulator
from tests.token_fixtures import SLACK, Client, HandClocks, eventually, landed

MANY = 1000


async def asked(mpesa: Mpesa, number: int = MANY) -> list[AccessToken | BaseException]:
    """What so many tasks get."""
    return await asyncio.gather(*(mpesa.token_async() for _ in range(number)), return_exceptions=True)


def test_tasks_and_threads_share_one_token(client: Client, daraja: Simulator) -> None:
    """One memory for all."""
    mpesa = client()
    assert asyncio.run(mpesa.token_async()) == mpesa.token() == asyncio.run(mpesa.token_async())
    assert len(daraja.token_requests) == 1


def test_cold_tasks_share_one_request(client: Client, daraja: Simulator) -> None:
    """All thousand of them."""
    daraja.latency = 0.1
    tokens = asyncio.run(asked(client(timeout=5)))
    assert len(tokens) == MANY
    assert len({token.value for token in tokens if isinstance(token, AccessToken)}) == 1
    assert len(daraja.token_requests) == 1


def test_cold_tasks_share_one_failure(client: Client, daraja: Simulator) -> None:
    """Each gets an error object of its own."""
    daraja.latency = 0.1
    daraja.fail("empty-400", times=None)
    errors = asyncio.run(asked(client(timeout=5)))
    assert {type(error) for error in errors} == {CredentialsRejected}
    assert len({id(error) for error in errors}) == MANY
    assert len(daraja.token_requests) == 1


def test_no_task_waits_longer_than_the_timeout_on_a_hang(client: Client, daraja: Simulator) -> None:
    """And one request hangs, not a thousand."""
    daraja.fail("hang", times=None)
    begun = time.monotonic()
    errors = asyncio.run(asked(client(timeout=0.5)))
    assert time.monotonic() - begun < 0.75 + 2 * SLACK
    assert {type(error) for error in errors} == {DarajaUnavailable}
    assert len(daraja.token_requests) == 1


def test_event_loop_goes_on_while_a_token_is_fetched(client: Client, daraja: Simulator) -> None:
    """Other tasks have their turns."""
    daraja.latency = 0.3
    mpesa = client(timeout=5)

    async def main() -> int:
        turns, fetching = 0, asyncio.create_task(mpesa.token_async())
        while not fetching.done():
            turns += 1
            await asyncio.sleep(0.01)
        return turns

    assert asyncio.run(main()) > 8


def test_cancelled_task_does_not_cancel_the_others(client: Client, daraja: Simulator) -> None:
    """Nor the request."""
    daraja.latency = 0.2
    mpesa = client(timeout=5)

    async def main() -> list[AccessToken | BaseException]:
        tasks = [asyncio.create_task(mpesa.token_async()) for _ in range(5)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        tasks[3].cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(main())
    assert [type(outcome) for outcome in outcomes] == [
        asyncio.CancelledError,
        AccessToken,
        AccessToken,
        asyncio.CancelledError,
        AccessToken,
    ]
    assert len(daraja.token_requests) == 1


def test_cancelled_alone_the_request_still_serves_the_next(client: Client, daraja: Simulator) -> None:
    """Its token is kept: under last-token-wins it is the one that counts."""
    daraja.latency = 0.1
    mpesa = client(timeout=5)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(mpesa.token_async(), 0.02)

    asyncio.run(main())
    eventually(landed)
    assert daraja.is_current(mpesa.token().value)
    assert len(daraja.token_requests) == 1


def test_ageing_token_is_served_to_tasks_at_once(client: Client, daraja: Simulator, hand: HandClocks) -> None:
    """And served on where the refresh fails."""
    mpesa = client(clocks=hand.clocks, timeout=0.3)
    old = asyncio.run(mpesa.token_async())
    hand.tick(3500)
    daraja.fail("hang", times=None)
    begun = time.monotonic()
    assert asyncio.run(mpesa.token_async()) == old
    assert time.monotonic() - begun < 0.25
    eventually(landed)
    assert asyncio.run(mpesa.token_async()) == old


def test_failure_reaches_a_task_as_one_of_our_errors(client: Client, daraja: Simulator) -> None:
    """With all that belongs to it."""
    daraja.fail("invalid-400", times=None)
    with pytest.raises(MpesaSecretsError) as raised:
        asyncio.run(client().token_async())
    assert (raised.value.exit_code, raised.value.retryable) == (5, False)
    assert raised.value.request_id
    assert raised.value.hint
