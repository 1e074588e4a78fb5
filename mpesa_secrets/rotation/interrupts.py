"""SIGINT, SIGTERM and SIGHUP during a rotation: at once while nothing is written, between two steps afterwards."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType

from mpesa_secrets.errors import Interrupted

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Takes the signals over while it is entered, but for those that are ignored. Only the main thread can enter it.

    A signal that broke into a write would leave it unknown whether the store has it; so from `hold` on a
    signal is only noted, and `check` raises where putting back is safe.
    """

    def __init__(self) -> None:
        self._holding = False
        self._noted: signal.Signals | None = None
        self._before: list[tuple[signal.Signals, object]] = []

    def __enter__(self) -> Interrupts:
        heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        self._before = [(number, signal.signal(number, self._receive)) for number in heeded]
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal gave us

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        self._noted = signal.Signals(number)
        if not self._holding:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """From here on note signals only."""
        self._holding = True

    def check(self) -> None:
        """Raise Interrupted if a signal was noted."""
        if self._noted is not None:
            raise Interrupted(f"interrupted by {self._noted.name}")
