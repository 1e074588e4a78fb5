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


def span(place: Place, daraja: Simulator) -> tuple[float, float]:
    """Seconds from a process's start until it asks Daraja, and from there until its end."""
    started = time.time()
    process = _start(place, daraja)
    process.communicate(_pair())
    assert process.returncode == 0
    asked = daraja.token_requests[-1].time
    return asked - started, time.time() - asked


def kill(place: Place, daraja: Simulator, within: tuple[float, float]) -> Killed:
    """One kill -9 at a random moment; AssertionError where anything is lost or a rerun does not mend it."""
    process = _start(place, daraja)
    assert process.stdin is not None
    process.stdin.write(_pair())
    process.stdin.close()
    _wait(daraja, within)
    process.kill()
    assert process.stderr is not None
    told = process.stderr.read().splitlines()
    process.wait()
    process.stderr.close()
    found, left = place.get(), bool(place.leftovers())
    assert found in (OLD, NEW), "a neighbour is lost"
    again = rotation(place, daraja).rotate(lambda: NewPair(pair(2)))
    assert again.outcome in ("rotated", "unchanged")
    assert (place.get(), place.leftovers()) == (NEW, [])
    steps = [line.split()[1] for line in told if line.startswith("ok ")]
    return Killed(steps[-1] if steps else "start", 1 if found == OLD else 2, left, again.outcome)


def _wait(daraja: Simulator, within: tuple[float, float]) -> None:
    """Until a random moment: one in five before Daraja is asked, the others while the store is changed."""
    if random.random() < 0.2:
        time.sleep(random.uniform(0.5, 1.0) * within[0])
        return
    before, patience = len(daraja.token_requests), time.monotonic() + 30
    while len(daraja.token_requests) == before and time.monotonic() < patience:
        time.sleep(0.001)
    time.sleep(random.uniform(0, within[1]))


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
