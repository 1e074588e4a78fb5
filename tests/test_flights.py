"""One call at a time, its outcome shared by all who wait."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
import traceback
from collections.abc import Callable

import pytest

from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import DarajaUnavailable, MpesaSecretsError
from mpesa_secrets.flights import SingleFlight, bounded
from tests.shelf import OddlyMadeError, together
from tests.token_fixtures import SLACK, eventually


class Held:
    """A call that goes on until it is let go."""

    def __init__(self, outcome: Callable[[], str] = lambda: "done") -> None:
        self.calls = 0
        self.go = threading.Event()
        self._outcome = outcome

    def __call__(self, _deadline: Deadline) -> str:
        self.calls += 1
        assert self.go.wait(10)
        return self._outcome()


def overdue() -> MpesaSecretsError:
    return DarajaUnavailable("overdue")


def fails() -> str:
    raise OddlyMadeError(7, detail="no")


@pytest.fixture
def flights() -> SingleFlight[str]:
    return SingleFlight(overdue)


def ask(flights: SingleFlight[str], call: Callable[[Deadline], str], seconds: float = 5.0) -> str:
    return flights.wait(flights.join(call, Deadline(seconds)))


def test_all_share_one_outcome(flights: SingleFlight[str]) -> None:
    """One call for all of them, and a new one for who comes after."""
    held = Held()
    threading.Timer(0.1, held.go.set).start()
    assert together(16, lambda: ask(flights, held)) == ["done"] * 16
    assert held.calls == 1
    assert ask(flights, held) == "done"
    assert held.calls == 2


def test_all_share_one_failure_each_with_its_own_traceback(flights: SingleFlight[str]) -> None:
    """Whatever arguments the error's class takes; its attributes stay."""
    held = Held(fails)
    threading.Timer(0.1, held.go.set).start()
    errors = together(8, lambda: ask(flights, held))
    assert held.calls == 1
    assert len({id(error) for error in errors}) == 8
    for error in errors:
        assert isinstance(error, OddlyMadeError)
        assert (str(error), error.hint, error.code) == ("code 7: no", "ask its author", 7)
        assert "in fails" in "".join(traceback.format_exception(error))
        assert len(traceback.extract_tb(error.__traceback__)) < 12


def test_nobody_waits_beyond_the_deadline(flights: SingleFlight[str]) -> None:
    """The call hangs on; those who come later get one of their own."""
    held = Held()
    begun = time.monotonic()
    errors = together(8, lambda: ask(flights, held, 0.2))
    assert time.monotonic() - begun < 0.2 + SLACK
    assert [str(error) for error in errors] == ["overdue"] * 8
    assert ask(flights, lambda _: "later") == "later"
    held.go.set()


def test_late_comer_waits_no_longer_than_the_first(flights: SingleFlight[str]) -> None:
    """The deadline is the call's."""
    held = Held()
    flights.join(held, Deadline(0.2))
    begun = time.monotonic()
    with pytest.raises(DarajaUnavailable, match="overdue"):
        ask(flights, held, 30)
    assert time.monotonic() - begun < 0.2 + SLACK
    held.go.set()


def test_grace_lets_the_call_say_it_itself() -> None:
    """Its own reason is better than ours."""
    flights: SingleFlight[str] = SingleFlight(overdue, grace=1.0)

    def late(deadline: Deadline) -> str:
        time.sleep(deadline.left() + 0.05)
        return fails()

    with pytest.raises(OddlyMadeError):
        ask(flights, late, 0.1)


def test_interrupted_waiter_leaves_the_others_alone(flights: SingleFlight[str]) -> None:
    """Ctrl-C in one thread is not the end of the call."""
    held = Held()
    outcomes: list[str] = []
    other = threading.Thread(target=lambda: outcomes.append(ask(flights, held)))
    other.start()
    eventually(lambda: held.calls)
    threading.Timer(0.1, signal.pthread_kill, (threading.get_ident(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        ask(flights, held)
    held.go.set()
    other.join()
    assert (outcomes, held.calls) == (["done"], 1)
    assert ask(flights, held) == "done"


def test_cancelled_task_leaves_the_others_alone(flights: SingleFlight[str]) -> None:
    """A task is a waiter like any other."""
    held = Held()

    async def main() -> list[object]:
        flight = flights.join(held, Deadline(5))
        tasks = [asyncio.create_task(flights.wait_async(flight)) for _ in range(3)]
        await asyncio.sleep(0.05)
        tasks[0].cancel()
        await asyncio.sleep(0)
        held.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    outcomes = asyncio.run(main())
    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert outcomes[1:] == ["done", "done"]


def test_task_does_not_wait_beyond_the_deadline_either(flights: SingleFlight[str]) -> None:
    """And a call that lands after its loop is closed hurts nobody."""
    held = Held()
    begun = time.monotonic()
    with pytest.raises(DarajaUnavailable, match="overdue"):
        asyncio.run(flights.wait_async(flights.join(held, Deadline(0.1))))
    assert time.monotonic() - begun < 0.1 + SLACK
    held.go.set()


def test_call_is_made_where_no_thread_is_to_be_had(flights: SingleFlight[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the interpreter, or at a limit of the system."""

    def refused(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert ask(flights, lambda _: "here") == "here"


def test_one_call_can_be_bounded() -> None:
    """Whatever it hangs on."""
    held = Held()
    with pytest.raises(DarajaUnavailable, match="overdue"):
        bounded(held, Deadline(0.1), overdue)
    held.go.set()
    assert bounded(held, Deadline(1), overdue) == "done"
