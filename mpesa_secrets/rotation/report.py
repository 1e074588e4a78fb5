"""What a rotation did, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from mpesa_secrets.credentials import Credentials


class Step(NamedTuple):
    """One step as it ended: its name, whether it went well, and what there is to say."""

    step: str
    ok: bool
    detail: str


class Place(NamedTuple):
    """A pair in the store, told by what may be shown."""

    version: str | None
    fingerprint: str

    @classmethod
    def of(cls, credentials: Credentials) -> Place:
        """Where this pair is."""
        return cls(credentials.version, credentials.fingerprint)


class Report:
    """The story of one rotation or rollback.

    Args:
        store: the store's URL, fit to be shown.
        tell: hears each step as it happens.

    Attributes:
        outcome: one of `rotated`, `restored`, `unchanged`, `dry-run`, `refused`, `rejected`, `unverified`,
            `conflict`, `rolled-back`, `rollback-failed`, `interrupted`.
        previous: the pair that was current before.
        current: the pair that is current now, as far as it is known.
        steps: in the order in which they ended.
    """

    def __init__(self, store: str, tell: Callable[[Step], object]) -> None:
        self.store = store
        self.outcome = "refused"
        self.previous: Place | None = None
        self.current: Place | None = None
        self.steps: list[Step] = []
        self._tell = tell

    def note(self, step: str, detail: str, *, ok: bool = True) -> None:
        """One step has ended."""
        self.steps.append(Step(step, ok, detail))
        self._tell(self.steps[-1])

    def as_json(self) -> dict[str, object]:
        """What --json prints."""
        return {
            "outcome": self.outcome,
            "store": self.store,
            "previous": self.previous and self.previous._asdict(),
            "current": self.current and self.current._asdict(),
            "steps": [step._asdict() for step in self.steps],
        }
