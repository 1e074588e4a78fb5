"""One call at a time, whoever asks: the first starts it, everybody waits for it and shares what comes of it.

The call runs in a thread of its own, so a waiter can leave at its deadline, or be cancelled, and the
call goes on for the others; a synchronous and an asynchronous waiter are the same to it.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import MpesaSecretsError

T = TypeVar("T")


class Flight(Generic[T]):
    """A call under way: its future, and the deadline that it was given."""

    __slots__ = ("deadline", "future")

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.future: Future[T] = Future()

    def run(self, call: Callable[[Deadline], T]) -> None:
        """Do it, and let everybody know."""
        try:
            self.future.set_result(call(self.deadline))
        except BaseException as error:
            self.future.set_exception(error)

    def abandoned(self) -> bool:
        """Whether it has overstayed its deadline, or is over."""
        return self.future.done() or self.deadline.over()


class SingleFlight(Generic[T]):
    """Runs at most one call at a time.

    Args:
        overdue: makes the error for waiters whose time is up while the call hangs.
        daemon: whether a call under way may be cut off by the end of the process.
        grace: seconds that waiters stay beyond the deadline, so that the call can say itself what took so long.
    """

    def __init__(self, overdue: Callable[[], MpesaSecretsError], *, daemon: bool = True, grace: float = 0.0) -> None:
        self._overdue = overdue
        self._daemon = daemon
        self._grace = grace
        self.start_over()
        start_over_after_fork(self)

    def start_over(self) -> None:
        """Forget the call under way: after a fork its thread is not there, and the lock may be held for ever."""
        self._lock = threading.Lock()
        self._flight: Flight[T] | None = None

    def join(self, call: Callable[[Deadline], T], deadline: Deadline) -> Flight[T]:
        """The flight under way, or a new one that makes this call."""
        with self._lock:
            if self._flight is not None and not self._flight.abandoned():
                return self._flight
            flight = self._flight = Flight(deadline)
        thread = threading.Thread(target=flight.run, args=(call,), daemon=self._daemon, name="mpesa-secrets")
        try:
            thread.start()
        except RuntimeError:  # no thread to be had: at the interpreter's end, or beyond a limit
            flight.run(call)
        return flight

    def wait(self, flight: Flight[T]) -> T:
        """What the flight brings; raises its failure, or the overdue error."""
        with contextlib.suppress(TimeoutError):
            flight.future.exception(flight.deadline.left() + self._grace)
        return self._outcome(flight)

    async def wait_async(self, flight: Flight[T]) -> T:
        """The same without blocking the event loop."""
        import asyncio

        loop = asyncio.get_running_loop()
        landed = asyncio.Event()

        def tell(_: Future[T]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(landed.set)

        flight.future.add_done_callback(tell)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(flight.deadline.left() + self._grace):
                await landed.wait()
        return self._outcome(flight)

    def _outcome(self, flight: Flight[T]) -> T:
        if not flight.future.done():
            raise self._overdue()
        error = flight.future.exception()
        if error is not None:
            raise _twin(error)
        return flight.future.result()


def _twin(error: BaseException) -> BaseException:
    """A copy for one waiter: a shared one would collect all their tracebacks."""
    # Not copy.copy: that calls the class, and a plugin's own error may take other arguments.
    twin = type(error).__new__(type(error), *error.args)
    vars(twin).update(vars(error))
    return twin.with_traceback(error.__traceback__)


if TYPE_CHECKING:

    class _StartsOver(Protocol):
        def start_over(self) -> None: ...


_here: weakref.WeakSet[_StartsOver] = weakref.WeakSet()


def start_over_after_fork(thing: _StartsOver) -> None:
    """In a forked child, call its `start_over`."""
    _here.add(thing)


def _start_over() -> None:
    for thing in _here:
        thing.start_over()


os.register_at_fork(after_in_child=_start_over)

# Held while a call imports: a fork amid an import would leave the child with half a module, for ever.
importing = threading.RLock()
os.register_at_fork(before=importing.acquire, after_in_parent=importing.release, after_in_child=importing.release)


def bounded(call: Callable[[Deadline], T], deadline: Deadline, overdue: Callable[[], MpesaSecretsError]) -> T:
    """Make one call, and raise the overdue error if it does not meet the deadline, whatever it hangs on."""
    flights: SingleFlight[T] = SingleFlight(overdue)
    return flights.wait(flights.join(call, deadline))
