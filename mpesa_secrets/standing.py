"""Where the pair in a store stands."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import AccessDenied, StoreUnavailable
from mpesa_secrets.flights import bounded
from mpesa_secrets.settings import Settings
from mpesa_secrets.stores import StoreDoor, Version


class Standing(NamedTuple):
    """A pair's place and age.

    Attributes:
        store: its URL, fit to be shown.
        version: the store's name for the present state, or None.
        fingerprint: of the pair.
        updated_at: unix seconds of the present version, or None where the store does not say.
        age: seconds since then, or None.
        history: the versions that the store still knows, the newest first.
    """

    store: str
    version: str | None
    fingerprint: str
    updated_at: float | None
    age: float | None
    history: Sequence[Version]


def standing(settings: Settings) -> Standing:
    """Ask the store; raises StoreError or ConfigurationError, within the time-out."""
    door = StoreDoor(settings.url)

    def overdue() -> StoreUnavailable:
        return StoreUnavailable(f"{door.name}: no answer within {settings.timeout:g} s", hint="is the store up?")

    return bounded(lambda deadline: _ask(door, deadline), Deadline(settings.timeout), overdue)


def _ask(door: StoreDoor, deadline: Deadline) -> Standing:
    credentials = door.credentials(deadline.left(), fresh=True)
    history = _history(door, deadline)
    dates = [version.created_at for version in history if version.version == credentials.version]
    updated_at = dates[0] if dates else None
    age = None if updated_at is None else max(0.0, time.time() - updated_at)
    return Standing(door.name, credentials.version, credentials.fingerprint, updated_at, age, history)


def _history(door: StoreDoor, deadline: Deadline) -> Sequence[Version]:
    if not door.can("history"):
        return ()
    try:
        history: Sequence[Version] = door.call("history", timeout=deadline.left())
        return history
    except AccessDenied:  # a reader that may read the pair and nothing more
        return ()
