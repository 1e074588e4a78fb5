"""What the tests of sharing have in common: clients that stand for processes, and a look behind the cache's door."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mpesa_secrets.caches import CacheDoor
from mpesa_secrets.client import Mpesa
from mpesa_secrets.credentials import Credentials
from mpesa_secrets.sealing import place
from mpesa_secrets.simulator import Simulator
from tests.daraja_client import KEY, SECRET
from tests.token_fixtures import Client

PAIR = Credentials(KEY, SECRET)


@pytest.fixture
def cache(tmp_path: Path) -> str:
    """The URL of a cache of this test's own."""
    return f"file://{tmp_path}/tokens"


@pytest.fixture
def process(client: Client, cache: str) -> Callable[..., Mpesa]:
    """Makes clients that share a cache."""
    return lambda **settings: client(token_cache=cache, **settings)


@pytest.fixture
def slot(cache: str, daraja: Simulator) -> Slot:
    """The cache's slot of the tests' pair, as somebody else with the same cache sees it."""
    return Slot(cache, place(daraja.base_url, PAIR))


class Slot:
    """Raw access to one key of a cache."""

    def __init__(self, url: str, key: str) -> None:
        self._door = CacheDoor(url)
        self.key = key

    def load(self) -> bytes | None:
        """The entry."""
        entry: bytes | None = self._door.call("load", self.key, timeout=1.0)
        return entry

    def lease(self, seconds: float = 30.0) -> int | None:
        """A lease."""
        fence: int | None = self._door.call("lease", self.key, seconds, timeout=1.0)
        return fence

    def put(self, entry: bytes, fence: int | None = None) -> None:
        """An entry, whatever it is."""
        until = time.time() + 3600
        fence = self.lease() if fence is None else fence
        assert self._door.call("store", self.key, entry, until, fence, timeout=1.0)

    def release(self, fence: int | None) -> None:
        """End a lease."""
        self._door.call("release", self.key, fence, timeout=1.0)


def requests(daraja: Simulator) -> int:
    """Token requests so far."""
    return len(daraja.token_requests)
