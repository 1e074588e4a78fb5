"""Redis and Valkey as a token cache, on a real Valkey."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpesa_secrets.caches import CacheDoor
from mpesa_secrets.errors import AccessDenied, ConfigurationError, StoreError, StoreUnavailable
from mpesa_secrets.testing.caches import TokenCacheContract
from tests.leaks import secrets_in_traceback
from tests.servers.valkey import Valkey

PASSWORD = "password-of-this-test"


class TestRedisCache(TokenCacheContract):
    """The contract."""

    @pytest.fixture
    def url(self, valkey: Valkey) -> str:
        return valkey.url


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Valkey]:
    """A Valkey with a password."""
    server = Valkey(tmp_path, PASSWORD)
    server.start()
    yield server
    server.stop()


def put(door: CacheDoor, seconds: float = 60.0) -> None:
    """Store an entry."""
    fence = door.call("lease", "k", 5.0, timeout=1.0)
    assert door.call("store", "k", b"entry", time.time() + seconds, fence, timeout=1.0)


def test_password_of_the_url_is_used(locked: Valkey) -> None:
    """And percent-decoded, as redis-py does."""
    put(CacheDoor(locked.url))


@pytest.mark.parametrize("password", ["wrong-password-of-this-test", None])
def test_wrong_password_is_denied_and_shown_nowhere(locked: Valkey, password: str | None) -> None:
    """Neither by the error nor by the door."""
    login = f":{password}@" if password else ""
    door = CacheDoor(f"redis://{login}127.0.0.1:{locked.port}/0")
    with pytest.raises(AccessDenied) as caught:
        door.call("load", "k", timeout=1.0)
    assert not secrets_in_traceback(caught.value, [password or "no password"])
    assert not password or password not in f"{door!r} {door.name}"


@pytest.mark.parametrize(
    "url", [f"redis://:{PASSWORD}@h:port/0", f"redis://:{PASSWORD}@h:1/0?nonsense=1", f"redis://:{PASSWORD}@h:99999"]
)
def test_url_that_is_none_is_a_setting_to_correct(url: str) -> None:
    """At the first use, without a connection, and without its password."""
    with pytest.raises(ConfigurationError) as caught:
        CacheDoor(url).call("load", "k", timeout=1.0)
    assert not secrets_in_traceback(caught.value, [PASSWORD])


def test_tls_has_a_scheme_of_its_own(valkey: Valkey) -> None:
    """A server that speaks none is unreachable."""
    with pytest.raises(StoreUnavailable):
        CacheDoor(valkey.url.replace("redis:", "rediss:")).call("load", "k", timeout=1.0)


def test_server_that_comes_back_is_used_at_once(valkey: Valkey) -> None:
    """Connections of before are no failure."""
    door = CacheDoor(valkey.url)
    put(door)
    valkey.stop()
    with pytest.raises(StoreUnavailable):
        door.call("load", "k", timeout=1.0)
    valkey.start()
    assert door.call("load", "k", timeout=1.0) is None
    put(door)


def test_holder_of_before_the_server_forgot_everything_is_none_of_now(valkey: Valkey) -> None:
    """A restart without persistence."""
    door = CacheDoor(valkey.url)
    old = door.call("lease", "k", 5.0, timeout=1.0)
    valkey.clear()
    assert not door.call("store", "k", b"older", time.time() + 60, old, timeout=1.0)
    time.sleep(0.002)
    assert door.call("lease", "k", 5.0, timeout=1.0) > old


def test_server_that_hangs_is_not_waited_for_long(valkey: Valkey) -> None:
    """SIGSTOP: it takes connections and says nothing."""
    door = CacheDoor(valkey.url)
    put(door)
    os.kill(valkey.process.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            door.call("load", "k", timeout=1.0)
        assert time.monotonic() - begun < 5.0
    finally:
        os.kill(valkey.process.pid, signal.SIGCONT)
    assert door.call("load", "k", timeout=1.0) == b"entry"


def test_full_server_says_so(valkey: Valkey) -> None:
    """maxmemory without eviction."""
    door = CacheDoor(valkey.url)
    valkey.command("CONFIG", "SET", "maxmemory", "1")
    try:
        with pytest.raises(StoreError, match="OutOfMemory"):
            door.call("lease", "k", 5.0, timeout=1.0)
    finally:
        valkey.command("CONFIG", "SET", "maxmemory", "0")


def test_nothing_stays_for_ever(valkey: Valkey) -> None:
    """Entry and lease end by themselves."""
    door = CacheDoor(valkey.url)
    put(door, seconds=60.0)
    door.call("lease", "k", 5.0, timeout=1.0)
    assert 3500 < int(valkey.command("TTL", "mpesa-secrets:{k}")[1:]) <= 3600
    assert 0 < int(valkey.command("TTL", "mpesa-secrets:{k}:lease")[1:]) <= 5
    assert valkey.command("DBSIZE") == b":2\r\n"
