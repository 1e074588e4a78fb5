"""Runs the real program in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PROGRAM = (sys.executable, "-m", "mpesa_secrets")
SCRIPT = Path(sys.executable).parent / "mpesa-secrets"
KEY, SECRET = "KeyOfTheTests000" * 3, "SecretOfTheTests" * 4


class Result:
    """How a run ended: exit code, stdout and stderr."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def __repr__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"

    @property
    def json(self) -> dict[str, object]:
        """The one JSON object on stdout."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value

    def failed(self, code: int) -> str:
        """Asserts this exit code, and lines of ours on stderr; returns the first, without the program's name."""
        assert self.code == code, self
        lines = self.err.splitlines()
        assert lines, self
        assert all(line.startswith("mpesa-secrets: ") for line in lines), self
        return lines[0].removeprefix("mpesa-secrets: ")


def variables(base_url: str = "", **more: str) -> dict[str, str]:
    """The variables of an application whose pair is in its environment; empty ones are left out."""
    wanted = {"MPESA_BASE_URL": base_url, "MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET, **more}
    return {name: value for name, value in wanted.items() if value}


def run(*arguments: str, environment: Mapping[str, str] | None = None, program: tuple[str, ...] = PROGRAM) -> Result:
    """Runs the program to its end, within a minute, with nothing to read on stdin."""
    done = subprocess.run(
        [*program, *arguments], env={**os.environ, **(environment or {})}, capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    return Result(done)


def start(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Starts the program, its output to be read; whoever starts it ends it."""
    return subprocess.Popen(
        [*PROGRAM, *arguments], env={**os.environ, **(environment or {})}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
