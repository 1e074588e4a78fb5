"""Kills a real `mpesa-secrets rotate` at a random moment, and looks at what it left."""

from __future__ import annotations

import os
import random
import subprocess
import time
from typing import NamedTuple

from mpesa_secrets.rotation import NewPair
from mpesa_secrets.simulator import Simulator
from tests.program import PROGRAM
from tests.rotation_places import Place, fields, pair, rotation

OLD, NEW = fields(1), fields(2)


class Killed(NamedTuple):
    """What was found after a kill: the last step that was told, the pair, and what a rerun made of it."""

    step: str
    pair: int
    left: bool
    rerun: str


class Killer:
    """Kills rotations of one kind of place, and learns how long they live."""

    def __init__(self, place: Place, daraja: Simulator) -> None:
        self._daraja = daraja
        started = time.time()
        process = _start(place, daraja)
        process.communicate(_pair())
        assert process.returncode == 0
        asked = daraja.token_requests[-1].time
        self._before, self._after = asked - started, time.time() - asked

    def kill(self, place: Place) -> Killed:
        """One kill -9 at a random moment of a rotation that is under way.

        AssertionError where anything is lost, or a rerun does not mend it.
        """
        while (told := self._killed(place)) is None:
            place = place.another()
        found, left = place.get(), bool(place.leftovers())
        assert found in (OLD, NEW), "a neighbour is lost"
        again = rotation(place, self._daraja).rotate(lambda: NewPair(pair(2)))
        assert again.outcome in ("rotated", "unchanged")
        assert (place.get(), place.leftovers()) == (NEW, [])
        return Killed(told, 1 if found == OLD else 2, left, again.outcome)

    def _killed(self, place: Place) -> str | None:
        """The last step that the process told of, or None where it had ended before."""
        process = _start(place, self._daraja)
        assert process.stdin is not None
        process.stdin.write(_pair())
        process.stdin.close()
        process.stdin = None
        self._wait()
        process.kill()
        _, told = process.communicate()
        if process.returncode == 0:
            self._after *= 0.8
            return None
        self._after *= 1.05
        steps = [line.split()[1] for line in told.splitlines() if line.startswith("ok ")]
        return steps[-1] if steps else "start"

    def _wait(self) -> None:
        """Until a random moment: one in five before Daraja is asked, the others while the store is changed."""
        if random.random() < 0.2:
            time.sleep(random.uniform(0.5, 1.0) * self._before)
            return
        before, patience = len(self._daraja.token_requests), time.monotonic() + 30
        while len(self._daraja.token_requests) == before and time.monotonic() < patience:
            time.sleep(0.001)
        time.sleep(random.uniform(0, self._after))


def _pair() -> str:
    new = pair(2)
    return f"MPESA_CONSUMER_KEY={new.consumer_key}\nMPESA_CONSUMER_SECRET={new.consumer_secret}\n"


def _start(place: Place, daraja: Simulator) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, "rotate", "--url", place.url, "--base-url", daraja.base_url, "--from", "-"],
        env={**os.environ, **place.variables()},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
