"""The two clocks that everything kept holds by."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple


class Moment(NamedTuple):
    """A moment on both clocks, in seconds."""

    monotonic: float
    wall: float

    def later(self, seconds: float) -> Moment:
        """The moment so many seconds on."""
        return Moment(self.monotonic + seconds, self.wall + seconds)

    def reached(self, other: Moment) -> bool:
        """Whether the other moment is over by either clock."""
        return self.monotonic >= other.monotonic or self.wall >= other.wall


class Clocks(NamedTuple):
    """A monotonic clock and a wall clock; whichever says "over" wins.

    A machine that was restored from a snapshot has a monotonic clock that stood still; a wall clock can be
    set back.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time

    def now(self) -> Moment:
        """This moment on both."""
        return Moment(self.monotonic(), self.wall())


CLOCKS = Clocks()
