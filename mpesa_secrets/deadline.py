"""One bound on a whole undertaking, however many steps it takes."""

from __future__ import annotations

import time
from collections.abc import Callable


class Deadline:
    """A point in time that everything below has to meet.

    Args:
        seconds: how long from now.
        clock: a monotonic clock, in seconds.
    """

    __slots__ = ("_clock", "_end")

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - self._clock())

    def over(self) -> bool:
        """Whether the time is used up."""
        return self.left() <= 0.0

    def at_most(self, seconds: float) -> Deadline:
        """A deadline no later than this one, at most so many seconds from now."""
        return Deadline(min(seconds, self.left()), self._clock)
