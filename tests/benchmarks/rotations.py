"""Rotations under stress, at length: `python -m tests.benchmarks.rotations kills|races [--times N] [--store NAME]`.

Needs the development packages; starts OpenBao and moto on loopback. Ends with 1 at the first state that is not as
docs/rotation.md promises.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from mpesa_secrets.simulator import Simulator
from tests.rotation_kills import Killer
from tests.rotation_places import KINDS, VERSIONED, AwsPlace, DotenvPlace, KvPlace, OneByOne, Place, fields, pair
from tests.rotation_worker import winner, workers
from tests.servers.aws import Aws
from tests.servers.openbao import OpenBao


@contextlib.contextmanager
def placed(kind: str) -> Iterator[Place]:
    """A place of this kind, on servers of its own."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if kind == "dotenv":
            yield DotenvPlace(directory)
            return
        server = Aws(directory) if kind == "aws" else OpenBao(directory)
        server.start()
        try:
            yield AwsPlace(server) if isinstance(server, Aws) else _kv(server, int(kind[-1]))
        finally:
            server.stop()


def _kv(server: OpenBao, version: int) -> KvPlace:
    server.enable_kv("mine", version)
    return KvPlace(server, "mine", version)


@contextlib.contextmanager
def daraja() -> Iterator[Simulator]:
    """One that accepts pairs 1 to 9."""
    with Simulator(pair(1).consumer_key, pair(1).consumer_secret) as running:
        for number in range(2, 10):
            running.accept(pair(number).consumer_key, pair(number).consumer_secret)
        yield running


def kills(place: Place, running: Simulator, times: int) -> str:
    """Kill so many rotations; returns where they were hit and what was current then."""
    os.environ.update(place.variables())
    killer = Killer(place, running)
    found = [killer.kill(place.another()) for _ in range(times)]
    steps = Counter(each.step for each in found)
    pairs = Counter("old" if each.pair == 1 else "new" for each in found)
    left = sum(each.left for each in found)
    return (
        f"0 lost, 0 not mended; last step told {dict(steps)}; current {dict(pairs)}; leftovers before the rerun {left}"
    )


def races(place: Place, running: Simulator, times: int) -> str:
    """So many rounds of eight rotations at once with eight pairs, and as many with the same pair eight times."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(OneByOne(place.upstream)).url if place.upstream else ""
        ready = stack.enter_context(workers(8, place.variables(server)))
        outcomes: Counter[str] = Counter()
        for pairs, abreast in [(range(2, 10), True), ([2] * 8, False)] * times:
            place = place.another()
            ended = ready.race(place.url, running.base_url, list(pairs), abreast=abreast)
            assert place.get() == fields(winner(ended)), ended
            assert place.leftovers() == []
            outcomes.update(each.outcome for each in ended)
    return f"one winner in each of {2 * times} rounds; outcomes {dict(outcomes)}"


TRIALS: dict[str, tuple[Callable[[Place, Simulator, int], str], tuple[str, ...], int]] = {
    "kills": (kills, KINDS, 200),
    "races": (races, VERSIONED, 50),
}


def main() -> None:
    """Run one of them over its stores and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trial", choices=TRIALS)
    parser.add_argument("--times", type=int)
    parser.add_argument("--store", choices=KINDS)
    options = parser.parse_args()
    trial, kinds, times = TRIALS[options.trial]
    for kind in [options.store] if options.store else kinds:
        started = time.monotonic()
        with placed(kind) as place, daraja() as running:
            line = trial(place, running, options.times or times)
        print(f"{kind:<7} {options.times or times} {options.trial}: {line} ({time.monotonic() - started:.0f} s)")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
