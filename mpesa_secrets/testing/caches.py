"""What every token cache has to do, as tests that a cache's author inherits; they need pytest.

    class TestMyCache(TokenCacheContract):
        @pytest.fixture
        def url(self, tmp_path):                              # an empty cache
            return "mine://…"

The cache is opened through its entry point, as applications do, so the plugin must be installed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from mpesa_secrets.caches import CacheDoor

HOUR = 3600.0


class TokenCacheContract:
    """A place that many processes share.

    Attributes to override:
        timeout: seconds for each call.
        brief: seconds of a lease that is to run out.

    Fixture to provide:
        url: of a cache with nothing in it.
    """

    timeout = 10.0
    brief = 0.3
    entry = bytes(range(256)) * 4

    @pytest.fixture
    def door(self, url: str) -> CacheDoor:
        """One process's way to the cache."""
        return CacheDoor(url)

    @pytest.fixture
    def other(self, url: str) -> CacheDoor:
        """Another's."""
        return CacheDoor(url)

    @pytest.fixture
    def key(self) -> str:
        """A key as the core makes them."""
        return f"https://api.example/path?a=b#{uuid4().hex[:12]}"

    def lease(self, door: CacheDoor, key: str, seconds: float = 30.0) -> int | None:
        """A lease's number, or None."""
        fence: int | None = door.call("lease", key, seconds, timeout=self.timeout)
        return fence

    def store(self, door: CacheDoor, key: str, entry: bytes, fence: int | None, seconds: float = HOUR) -> bool:
        """Whether the entry was stored."""
        stored = door.call("store", key, entry, time.time() + seconds, fence, timeout=self.timeout)
        assert isinstance(stored, bool)
        return stored

    def load(self, door: CacheDoor, key: str) -> bytes | None:
        """The entry."""
        entry: bytes | None = door.call("load", key, timeout=self.timeout)
        return entry

    def test_nothing_is_there_at_first(self, door: CacheDoor, key: str) -> None:
        """And nothing comes of a lease."""
        assert self.load(door, key) is None
        assert self.lease(door, key) is not None
        assert self.load(door, key) is None

    def test_entry_comes_back_byte_for_byte(self, door: CacheDoor, other: CacheDoor, key: str) -> None:
        """To whoever looks."""
        assert self.store(door, key, self.entry, self.lease(door, key))
        assert self.load(door, key) == self.load(other, key) == self.entry

    def test_lease_is_one_holders_alone(self, door: CacheDoor, other: CacheDoor, key: str) -> None:
        """Not even the holder gets another."""
        assert self.lease(door, key) is not None
        assert self.lease(other, key) is None
        assert self.lease(door, key) is None

    def test_storing_ends_the_lease(self, door: CacheDoor, other: CacheDoor, key: str) -> None:
        """The next may have it at once, with a higher number; the entry stays meanwhile."""
        first = self.lease(door, key)
        assert first is not None
        self.store(door, key, self.entry, first)
        second = self.lease(other, key)
        assert second is not None
        assert second > first
        assert self.load(door, key) == self.entry

    def test_released_lease_is_free_and_the_entry_stays(self, door: CacheDoor, other: CacheDoor, key: str) -> None:
        """Somebody had nothing to store."""
        self.store(door, key, self.entry, self.lease(door, key))
        fence = self.lease(door, key)
        door.call("release", key, fence, timeout=self.timeout)
        assert self.lease(other, key) is not None
        assert self.load(other, key) == self.entry

    def test_lease_runs_out(self, door: CacheDoor, other: CacheDoor, key: str) -> None:
        """So a holder that died is replaced."""
        first = self.lease(door, key, self.brief)
        second = _eventually(lambda: self.lease(other, key))
        assert first is not None
        assert second > first

    def test_renewed_lease_goes_on(self, door: CacheDoor, other: CacheDoor, key: str) -> None:
        """For as long as it is said."""
        fence = self.lease(door, key, self.brief)
        assert door.call("renew", key, fence, 30.0, timeout=self.timeout) is True
        time.sleep(1.2 * self.brief)
        assert self.lease(other, key) is None

    def test_overtaken_holder_changes_nothing(self, door: CacheDoor, other: CacheDoor, key: str) -> None:
        """It was paused for longer than its lease: it can neither store, nor renew, nor release."""
        old = self.lease(door, key, self.brief)
        new = _eventually(lambda: self.lease(other, key))
        assert not self.store(door, key, b"older", old)
        assert door.call("renew", key, old, 30.0, timeout=self.timeout) is False
        door.call("release", key, old, timeout=self.timeout)
        assert self.lease(door, key) is None
        assert self.store(other, key, b"newer", new)
        assert not self.store(door, key, b"older", old)
        assert self.load(door, key) == b"newer"

    def test_late_holder_that_nobody_overtook_may_store(self, door: CacheDoor, key: str) -> None:
        """The time alone takes nothing away."""
        fence = self.lease(door, key, self.brief)
        time.sleep(1.2 * self.brief)
        assert self.store(door, key, self.entry, fence)

    def test_number_that_was_never_given_is_none(self, door: CacheDoor, key: str) -> None:
        """Nor does a key of another have it."""
        fence = self.lease(door, f"{key}-other")
        assert not self.store(door, key, self.entry, fence)
        assert self.load(door, key) is None

    def test_keys_do_not_meet(self, door: CacheDoor, key: str) -> None:
        """Entries and leases are each key's own."""
        self.store(door, key, self.entry, self.lease(door, key))
        assert self.load(door, f"{key}-other") is None
        assert self.lease(door, key) is not None
        assert self.lease(door, f"{key}-other") is not None

    def test_entry_whose_time_is_over_does_no_harm(self, door: CacheDoor, key: str) -> None:
        """It may be there or not; its place can be taken."""
        self.store(door, key, b"over", self.lease(door, key), seconds=-5.0)
        assert self.load(door, key) in (None, b"over")
        assert self.store(door, key, self.entry, self.lease(door, key))
        assert self.load(door, key) == self.entry

    def test_of_many_who_ask_at_once_one_gets_the_lease(self, url: str, key: str) -> None:
        """Each by a way of its own."""
        doors = [CacheDoor(url) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            leases = list(pool.map(lambda door: self.lease(door, key), doors))
        assert len([fence for fence in leases if fence is not None]) == 1


def _eventually(action: Callable[[], int | None], seconds: float = 10.0) -> int:
    end = time.monotonic() + seconds
    while (outcome := action()) is None and time.monotonic() < end:
        time.sleep(0.02)
    assert outcome is not None
    return outcome
