"""The program at a terminal of its own, with a person before it."""

from __future__ import annotations

import fcntl
import os
import select
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from tests.program import PROGRAM


class Terminal:
    """A pseudo-terminal with the program in it; stdout goes elsewhere, as with `mpesa-secrets … > file`.

    Attributes:
        shown: what a person has seen.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self.shown = ""
        self._ours, theirs = os.openpty()
        self._process = subprocess.Popen(
            [*PROGRAM, *arguments],
            env={**os.environ, **(environment or {})},
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        os.close(self._ours)

    def answer(self, question: str, line: str) -> None:
        """Waits until a question is shown, then types a line."""
        start = len(self.shown)
        self._read_until(lambda: question in self.shown[start:])
        # getpass throws away what was typed before it switched the echo off.
        time.sleep(0.05)
        os.write(self._ours, f"{line}\n".encode())

    def end(self) -> tuple[int, str]:
        """Waits for the end: exit code and stdout."""
        self._read_until(lambda: False)
        out, _ = self._process.communicate(timeout=20)
        return self._process.returncode, out

    def _read_until(self, done: Callable[[], bool], patience: float = 30.0) -> None:
        deadline = time.monotonic() + patience
        while not done():
            assert time.monotonic() < deadline, self.shown
            if not select.select([self._ours], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(self._ours, 65536)
            except OSError:  # the program has ended
                return
            if not piece:
                return
            self.shown += piece.decode(errors="replace")


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
