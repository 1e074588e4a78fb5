"""A token cache that may fail: how long it is waited for, and when it is left alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from mpesa_secrets.caches import CacheDoor
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import ConfigurationError, MpesaSecretsError, StoreUnavailable
from mpesa_secrets.flights import bounded

BRIEFEST, PATIENCE = 0.5, 2.5  # seconds for one answer of the cache: a quarter of what is left, within these bounds
HASTE = 1.0  # seconds of patience below which a late answer does not count against the cache
HOLD_OFF = 5.0  # seconds in which a cache that failed is left alone
QUIET = 60.0  # seconds between two warnings

log = logging.getLogger("mpesa_secrets")


class CacheDown(Exception):
    """The cache cannot serve now: go on without it. Never reaches a caller of the library."""


class _Late(StoreUnavailable):
    """We did not wait any longer."""


class PatientDoor:
    """A token cache that may fail: it is asked briefly, and left alone for a while once it has failed.

    Args:
        door: the cache.
        monotonic: seconds.
    """

    def __init__(self, door: CacheDoor, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._door = door
        self._monotonic = monotonic
        self._ask_again = self._warn_again = 0.0
        self._slow = 0
        self._down = False
        self._warm = False

    def rest(self) -> float:
        """Seconds for which the cache is left alone, because it failed; 0 for one that may be asked."""
        return max(0.0, self._ask_again - self._monotonic())

    def ask(self, method: str, *arguments: object, deadline: Deadline) -> Any:
        """Call a method of the cache.

        Args:
            method: its name.
            arguments: all but the time-out.
            deadline: of the whole undertaking; the cache gets a part of it.

        Raises:
            CacheDown: it fails, takes too long, failed a moment ago, or there is nothing to share.
            ConfigurationError: as `CacheDoor.cache`.
        """
        if self.rest() > 0:
            raise CacheDown
        patience = self._patience(deadline)
        begun = self._monotonic()
        try:
            if self._opened(deadline) is None:
                raise CacheDown
            answer = bounded(
                lambda left: self._door.call(method, *arguments, timeout=left.left()),
                Deadline(patience),
                self._overdue,
            )
        except ConfigurationError:
            raise
        except MpesaSecretsError as error:
            if patience < HASTE and isinstance(error, _Late):
                raise CacheDown from None  # who is in a hurry has learnt nothing about the cache
            self._failed(error, slow=self._monotonic() - begun >= BRIEFEST)
            raise CacheDown from None
        self._warm, self._slow = True, 0
        if self._down:
            self._down = False
            log.info("token cache %s: is back", self._door.name)
        return answer

    def _failed(self, error: MpesaSecretsError, *, slow: bool) -> None:
        """Leave the cache alone; not after a first slow answer, which may be this machine's fault, or a moment's."""
        self.warn(f"{error}; this process goes on with its own copy")
        self._slow = self._slow + 1 if slow else 0
        if self._slow != 1:
            self._down = True
            self._ask_again = self._monotonic() + HOLD_OFF

    def _opened(self, deadline: Deadline) -> Any:
        """The cache; making it is no matter of the cache's speed, but of this machine's."""
        if self._door.opened:
            return self._door.cache()
        return bounded(lambda _: self._door.cache(), deadline.at_most(deadline.left() * 3 / 4), self._overdue)

    def _patience(self, deadline: Deadline) -> float:
        if self._warm:
            return max(BRIEFEST, min(PATIENCE, deadline.left() / 4))
        # The first answer takes connecting and a cold machine's own time, too.
        return max(BRIEFEST, min(2 * PATIENCE, deadline.left() / 2))

    def warn(self, complaint: str) -> None:
        """Log a warning, unless one was logged a moment ago."""
        if self._monotonic() >= self._warn_again:
            self._warn_again = self._monotonic() + QUIET
            log.warning("token cache %s: %s", self.name, complaint)

    @property
    def name(self) -> str:
        """The URL, fit to be shown."""
        return self._door.name

    def _overdue(self) -> MpesaSecretsError:
        return _Late("no answer in time")
