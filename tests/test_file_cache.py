"""A file as a token cache."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mpesa_secrets.caches import CacheDoor
from mpesa_secrets.errors import AccessDenied, ConfigurationError, StoreError, StoreUnavailable
from mpesa_secrets.testing.caches import TokenCacheContract

LEASES_AND_STORES = """
import os, sys, time
from mpesa_secrets.caches import CacheDoor
door = CacheDoor(sys.argv[1])
print("ready", flush=True)
while True:
    fence = door.call("lease", sys.argv[2], 5.0, timeout=5.0)
    if fence is not None:
        door.call("store", sys.argv[2], os.urandom(300), time.time() + 60, fence, timeout=5.0)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the cache will be."""
    return tmp_path / "tokens"


@pytest.fixture
def url(path: Path) -> str:
    return f"file://{path}"


@pytest.fixture
def door(url: str) -> CacheDoor:
    return CacheDoor(url)


def put(door: CacheDoor, key: str = "k", entry: bytes = b"entry", seconds: float = 60.0) -> None:
    """Store an entry."""
    fence = door.call("lease", key, 5.0, timeout=1.0)
    assert door.call("store", key, entry, time.time() + seconds, fence, timeout=1.0)


class TestFileCache(TokenCacheContract):
    """The contract."""

    @pytest.fixture
    def url(self, path: Path) -> str:
        return f"file://{path}"


def test_everything_that_it_writes_is_its_owners_alone(door: CacheDoor, path: Path) -> None:
    """Whatever the umask."""
    before = os.umask(0)
    try:
        put(door)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_directory_is_not_made(tmp_path: Path) -> None:
    """A mistyped path shows."""
    door = CacheDoor(f"file://{tmp_path}/missing/tokens")
    with pytest.raises(StoreUnavailable, match="No such file"):
        door.call("lease", "k", 5.0, timeout=1.0)
    assert not (tmp_path / "missing").exists()


def test_path_is_percent_decoded(tmp_path: Path) -> None:
    """As in any URL."""
    put(CacheDoor(f"file://{tmp_path}/two%20words"))
    assert (tmp_path / "two words").exists()


@pytest.mark.parametrize("url", ["file://tokens", "file://host/tokens", "file:///", "file:///a/", "file:///a?b=c"])
def test_other_urls_are_refused(url: str) -> None:
    """Before anything is opened."""
    with pytest.raises(ConfigurationError) as caught:
        CacheDoor(url).cache()
    assert caught.value.hint == "file:///path/to/file"


def test_file_of_somebody_else_is_not_overwritten(door: CacheDoor, path: Path) -> None:
    """It may be dear to them."""
    path.write_text("MPESA_CONSUMER_KEY=precious\n")
    for method, arguments in (("load", ()), ("lease", (5.0,))):
        with pytest.raises(StoreError, match="no token cache"):
            door.call(method, "k", *arguments, timeout=1.0)
    assert path.read_text() == "MPESA_CONSUMER_KEY=precious\n"


@pytest.mark.parametrize("content", [b"", b"\0" * 300])
def test_file_that_a_crash_of_the_machine_left_empty_is_used_again(door: CacheDoor, path: Path, content: bytes) -> None:
    """Some file systems fill it with zeros."""
    path.write_bytes(content)
    put(door)
    assert door.call("load", "k", timeout=1.0) == b"entry"


def test_directory_that_cannot_be_written_is_denied(path: Path) -> None:
    """Somebody else's; root may write anywhere but into the kernel's own."""
    path.parent.chmod(0o500)
    door = CacheDoor("file:///sys/tokens" if os.geteuid() == 0 else f"file://{path}")
    assert door.call("load", "k", timeout=1.0) is None
    with pytest.raises(AccessDenied):
        door.call("lease", "k", 5.0, timeout=1.0)
    path.parent.chmod(0o700)


def test_what_nobody_needs_any_more_goes(door: CacheDoor, path: Path) -> None:
    """Pairs that were rotated leave nothing behind."""
    put(door, "old", seconds=-1.0)
    put(door, "new")
    assert list(next(iter(json.loads(path.read_text()).values()))) == ["new"]


def test_lease_of_a_clock_that_was_set_back_is_over(door: CacheDoor, path: Path) -> None:
    """It would last for years."""
    door.call("lease", "k", 5.0, timeout=1.0)
    content = json.loads(path.read_text())
    slot = next(iter(content.values()))["k"]
    slot.update(leased_at=slot["leased_at"] + 1e8, leased_until=slot["leased_until"] + 1e8)
    path.write_text(json.dumps(content))
    assert door.call("lease", "k", 5.0, timeout=1.0) > slot["fence"]


def test_numbers_rise_even_if_the_file_was_removed(door: CacheDoor, path: Path) -> None:
    """A holder from before cannot pass for one of now."""
    first = door.call("lease", "k", 5.0, timeout=1.0)
    path.unlink()
    time.sleep(0.002)
    assert door.call("lease", "k", 5.0, timeout=1.0) > first


def test_killed_writers_leave_a_whole_file_and_no_lock(url: str, path: Path, door: CacheDoor) -> None:
    """kill -9 at any point."""
    for _ in range(6):
        writer = subprocess.Popen([sys.executable, "-c", LEASES_AND_STORES, url, "other"], stdout=subprocess.PIPE)
        with writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.03)
            writer.kill()
        put(door)
        assert door.call("load", "k", timeout=1.0) == b"entry"
    assert {file.name for file in path.parent.iterdir()} <= {"tokens", "tokens.lock", "tokens.new"}


def test_stopped_writer_is_waited_for_no_longer_than_one_has_time(door: CacheDoor, path: Path) -> None:
    """SIGSTOP while it has the lock."""
    hold = f"import fcntl; f = open({str(path) + '.lock'!r}, 'w'); fcntl.flock(f, 2); print(1, flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", hold], **pipes) as holder:  # type: ignore[call-overload]
        holder.stdout.readline()
        os.kill(holder.pid, signal.SIGSTOP)
        with pytest.raises(StoreUnavailable, match="locked"):
            door.call("lease", "k", 5.0, timeout=0.1)
        holder.kill()
    put(door)


def test_fork_while_a_thread_writes_leaves_no_lock_behind(door: CacheDoor) -> None:
    """The child has the same lock open, and never lets it go by itself."""
    cache = door.cache()
    with cache._locked(1.0):
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
    try:
        put(door)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
