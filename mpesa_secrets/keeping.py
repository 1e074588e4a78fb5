"""Keeping the credentials that were read from the store."""

from __future__ import annotations

import logging
from typing import NamedTuple

from mpesa_secrets.clocks import Clocks, Moment
from mpesa_secrets.credentials import Credentials
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import StoreUnavailable
from mpesa_secrets.flights import SingleFlight
from mpesa_secrets.stores import StoreDoor

HOLD_OFF = 30.0  # seconds between two tries of a store that is down while older credentials serve

log = logging.getLogger("mpesa_secrets")


class _Known(NamedTuple):
    credentials: Credentials
    read_again: Moment
    useless: Moment


class CredentialsKeeper:
    """Reads the pair from the store once for everybody, and again when its time is over.

    Args:
        door: the store.
        ttl: seconds that credentials are reused.
        stale: seconds beyond that in which they serve while the store cannot be reached.
        clocks: seconds, monotonic and wall.
    """

    def __init__(self, door: StoreDoor, ttl: float, stale: float, clocks: Clocks) -> None:
        self._door = door
        self._ttl = ttl
        self._stale = stale
        self._clocks = clocks
        self._known: _Known | None = None
        self._reads: SingleFlight[Credentials] = SingleFlight(self._overdue)
        self._rereads: SingleFlight[Credentials] = SingleFlight(self._overdue)

    def current(self, deadline: Deadline) -> Credentials:
        """The pair, not older than its time.

        Raises:
            StoreError, ConfigurationError: it cannot be read, and none was read within the last ttl + stale.
        """
        known = self._spare()
        if known is not None and not self._clocks.now().reached(known.read_again):
            return known.credentials
        return self._read(deadline, fresh=False)

    def reread(self, deadline: Deadline) -> Credentials:
        """The pair as the store has it now, past every cache; raises what `current` raises."""
        return self._read(deadline, fresh=True)

    def _read(self, deadline: Deadline, *, fresh: bool) -> Credentials:
        spare = self._spare()
        # With credentials in hand most of the time is left to Daraja.
        patience = deadline.at_most(deadline.left() / 4) if spare else deadline
        flights = self._rereads if fresh else self._reads
        try:
            return flights.wait(flights.join(lambda left: self._from_store(left, fresh), patience))
        except StoreUnavailable:
            if spare is None:
                raise
            return self._make_do_with(spare)

    def _from_store(self, deadline: Deadline, fresh: bool) -> Credentials:
        credentials = self._door.credentials(deadline.left(), fresh=fresh)
        now = self._clocks.now()
        self._known = _Known(credentials, now.later(self._ttl), now.later(self._ttl + self._stale))
        return credentials

    def _spare(self) -> _Known | None:
        known = self._known
        return known if known is not None and not self._clocks.now().reached(known.useless) else None

    def _make_do_with(self, spare: _Known) -> Credentials:
        log.warning("%s cannot be reached; the credentials read earlier go on being used", self._door.name)
        self._known = spare._replace(read_again=self._clocks.now().later(HOLD_OFF))
        return spare.credentials

    def _overdue(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self._door.name}: no answer in time", hint="is the store up?")
