"""A warm token, over and over: `warm.py ours|floor CALLS THREADS`, THREADS 0 being one event loop.

Prints the nanoseconds of one call. The floor is the least that a token with an end can cost: one tuple, one clock.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from time import monotonic

from mpesa_secrets import connect


class Floor:
    """A tuple and a clock."""

    def __init__(self) -> None:
        self.fresh: tuple[str, float] = ("token", monotonic() + 3000)

    def token(self) -> str:
        """The token, while it is fresh."""
        token, until = self.fresh
        if monotonic() < until:
            return token
        raise LookupError

    async def token_async(self) -> str:
        """The same."""
        token, until = self.fresh
        if monotonic() < until:
            return token
        raise LookupError


def loop(call: Callable[[], object], calls: int) -> None:
    """Call it so often."""
    for _ in range(calls):
        call()


async def loop_async(client: Floor, calls: int) -> None:
    """Await it so often."""
    call = client.token_async
    for _ in range(calls):
        await call()


def threads(call: Callable[[], object], calls: int, number: int) -> None:
    """Call it so often in each of the threads."""
    started = [threading.Thread(target=loop, args=(call, calls)) for _ in range(number)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


kind, calls, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
ours = connect()
ours.token()
client: Floor = ours if kind == "ours" else Floor()  # type: ignore[assignment]  # the two methods are alike
start = time.perf_counter()
if number == 0:
    asyncio.run(loop_async(client, calls))
elif number == 1:
    loop(client.token, calls)
else:
    threads(client.token, calls, number)
print((time.perf_counter() - start) / max(1, calls * max(1, number)) * 1e9)
