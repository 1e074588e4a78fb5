"""Runs `rotate` and `rollback` against a place, as a script does and as a person at a terminal."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

from mpesa_secrets.simulator import Simulator
from tests.program import PROGRAM, Result
from tests.rotation_places import Place, pair
from tests.terminal import Terminal

Command = Callable[..., Result]


def run_at(daraja: Simulator, place: Place, *arguments: str, given: str | bytes = b"") -> Result:
    """The program without a terminal, with something on stdin."""
    done = subprocess.run(
        [*PROGRAM, *arguments, "--url", place.url, "--base-url", daraja.base_url],
        env={**os.environ, **place.variables()},
        input=given.encode() if isinstance(given, str) else given,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return Result(subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode()))


def at_terminal(place: Place, daraja: Simulator, *arguments: str) -> Terminal:
    """The program with a person before it."""
    return Terminal(*arguments, "--url", place.url, "--base-url", daraja.base_url, environment=place.variables())


def failed(done: Result, code: int) -> str:
    """Asserts this exit code; returns the lines on stderr, steps and the audit line among them."""
    assert done.code == code, done
    return done.err.rstrip()


def dotenv(number: int = 2) -> str:
    """A pair as dotenv lines."""
    one = pair(number)
    return f"MPESA_CONSUMER_KEY={one.consumer_key}\nMPESA_CONSUMER_SECRET={one.consumer_secret}\n"
