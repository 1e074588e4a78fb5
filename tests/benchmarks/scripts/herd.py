"""Many ask for the first token at once: `herd.py threads|tasks NUMBER`. Prints the seconds until all have it."""

from __future__ import annotations

import asyncio
import sys
import threading
import time

import requests  # noqa: F401  an application that is running has it

from mpesa_secrets import connect

kind, number = sys.argv[1], int(sys.argv[2])
mpesa = connect()
found: set[str] = set()


def in_threads() -> float:
    """Each thread asks once."""
    together = threading.Barrier(number + 1)

    def ask() -> None:
        together.wait()
        found.add(mpesa.token().value)

    started = [threading.Thread(target=ask) for _ in range(number)]
    for thread in started:
        thread.start()
    together.wait()
    start = time.perf_counter()
    for thread in started:
        thread.join()
    return time.perf_counter() - start


async def in_tasks() -> float:
    """Each task asks once."""
    start = time.perf_counter()
    tokens = await asyncio.gather(*(mpesa.token_async() for _ in range(number)))
    found.update(token.value for token in tokens)
    return time.perf_counter() - start


seconds = in_threads() if kind == "threads" else asyncio.run(in_tasks())
assert len(found) == 1
print(seconds)
