"""A store that a third party might write and install: it keeps a secret in memory, and can be made to fail."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mpesa_secrets import MpesaSecretsError, Secret

_shelves: dict[str, Shelf] = {}


class Shelf:
    """One secret on a shelf.

    Attributes:
        fields: what is stored.
        reads: how it was read, `read` or `reread`, in order.
        failure: what every read raises, if anything.
        delay: seconds that every read takes, whatever time is left for it.
    """

    def __init__(self, name: str, consumer_key: str, consumer_secret: str) -> None:
        self.url = f"shelf://{name}"
        self.reads: list[str] = []
        self.failure: Exception | None = None
        self.delay = 0.0
        self.put(consumer_key, consumer_secret)
        _shelves[name] = self

    def put(self, consumer_key: str, consumer_secret: str) -> None:
        """Store another pair."""
        self.fields = {"consumer_key": consumer_key, "consumer_secret": consumer_secret}

    def read(self, timeout: float) -> Secret:
        """The secret, or the failure."""
        return self._read("read", timeout)

    def reread(self, timeout: float) -> Secret:
        """The same past caches, of which there are none."""
        return self._read("reread", timeout)

    def _read(self, how: str, timeout: float) -> Secret:
        assert timeout > 0
        self.reads.append(how)
        secret = Secret(dict(self.fields), str(len(self.reads)))
        time.sleep(self.delay)
        if self.failure is not None:
            raise self.failure
        return secret


class OddlyMadeError(MpesaSecretsError):
    """A plugin's own error, whose arguments are not its message."""

    def __init__(self, code: int, *, detail: str) -> None:
        super().__init__(f"code {code}: {detail}", hint="ask its author")
        self.code = code


def open_shelf(url: str) -> Shelf:
    """What the entry point names."""
    return _shelves[urlsplit(url).netloc]


def install(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the plugin known, as an installed distribution does."""
    metadata = directory / "shelf-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[mpesa_secrets.backends]\nshelf = tests.shelf:open_shelf\n")
    monkeypatch.syspath_prepend(str(directory))


def together(number: int, action: object) -> list[object]:
    """What `action` returns or raises in each of so many threads that begin at the same time."""
    outcomes: list[object] = []
    gate = threading.Barrier(number)

    def run() -> None:
        gate.wait()
        try:
            outcomes.append(action())  # type: ignore[operator]
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
