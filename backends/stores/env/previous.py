"""The pairs that a dotenv file held before, in the file beside it.

It is a dotenv file itself: a block for each pair, the newest last, so that any reader finds the newest.

    # 2026-01-31T08:00:00Z version 0123456789abcdef
    MPESA_CONSUMER_KEY=…
    MPESA_CONSUMER_SECRET=…
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from .lines import Dotenv
from .names import VariableNames

KEPT = 5
_HEADER = re.compile(rb"^# ([0-9TZ:-]+) version ([0-9a-f]{16})\r?\n", re.MULTILINE)


class Block:
    """One earlier pair.

    Attributes:
        time: when it had become current, ISO 8601 in UTC.
        version: the version of the file that held it.
        text: its two variables.
    """

    __slots__ = ("text", "time", "version")

    def __init__(self, time: str, version: str, text: Dotenv) -> None:
        self.time = time
        self.version = version
        self.text = text

    @property
    def created_at(self) -> float | None:
        """The time in unix seconds, or None where somebody edited it beyond recognition."""
        try:
            return datetime.fromisoformat(self.time).timestamp()
        except ValueError:
            return None


class PreviousPairs:
    """The content of the file with the previous pairs.

    Args:
        text: what it holds; whatever stands before the first block, and other prefixes' blocks, are kept.
        names: which variables count.
    """

    def __init__(self, text: Dotenv, names: VariableNames) -> None:
        self._names = names
        self._text = text
        parts = _HEADER.split(text.data)
        headers = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
        self._all = [Block(time.decode(), version.decode(), Dotenv(body)) for time, version, body in headers]

    def newest_first(self) -> list[Block]:
        """The blocks that hold a pair under these names."""
        return [block for block in reversed(self._all) if self._pair(block.text)]

    def with_pair_of(self, text: Dotenv, created_at: float) -> Dotenv:
        """The file's text with one block more for the pair in `text`, and without the oldest beyond five.

        A newest block with the same pair makes room for the new one: a rotation that is repeated after a
        crash leaves one block.
        """
        own = self.newest_first()
        repeated = own[:1] if own and self._values(own[0].text) == self._values(text) else []
        dropped = repeated + own[KEPT - 1 + len(repeated) :]
        kept = b"".join(_rendered(block) for block in self._all if block not in dropped)
        time = datetime.fromtimestamp(int(created_at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        new = Block(time, text.version, Dotenv(b"").with_values(self._pair(text)))
        return Dotenv(_HEADER.split(self._text.data)[0] + kept + _rendered(new))

    def _pair(self, text: Dotenv) -> dict[str, str]:
        return self._names.pair_variables(text.values())

    def _values(self, text: Dotenv) -> list[str]:
        return list(self._pair(text).values())


def _rendered(block: Block) -> bytes:
    return f"# {block.time} version {block.version}\n".encode() + block.text.data
