"""A file as a token cache, for the processes of one user on one machine.

Writers take turns by a lock on `<file>.lock` (flock) and replace the file as a whole, so readers need no lock. A
process that is killed leaves neither a held lock nor half a file.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import AccessDenied, ConfigurationError, StoreError, StoreUnavailable
from mpesa_secrets.urls import split

_MARK = "mpesa-secrets token cache"
_PAUSE = 0.005  # seconds between two tries to get the lock
_MOST_BYTES = 1024 * 1024

_Slots = dict[str, dict[str, Any]]


class FileCache:
    """Entries and leases of several keys in one file, mode 0600.

    Args:
        path: the file; made when first needed, in a directory that must be there.
        wall: unix seconds.
    """

    def __init__(self, path: str, wall: Callable[[], float] = time.time) -> None:
        self._path = path
        self._wall = wall

    def load(self, key: str, timeout: float) -> bytes | None:  # noqa: ARG002  a read waits for nobody
        """The newest entry, or None."""
        with self._translated():
            entry = self._slots().get(key, {}).get("entry")
        return None if entry is None else b64decode(entry)

    def lease(self, key: str, seconds: float, timeout: float) -> int | None:
        """A lease, unless one is out."""
        with self._locked(timeout) as slots:
            slot, now = slots.get(key, {}), self._wall()
            # A lease from the future was given before the clock was set back: it counts as over.
            if slot.get("leased_at", now) <= now < slot.get("leased_until", now):
                return None
            # By the clock, so that numbers go on rising even if the file is removed.
            fence = max(int(slot.get("fence", 0)) + 1, int(now * 1000))
            lease = {"fence": fence, "leased_at": now, "leased_until": now + seconds}
            self._write({**slots, key: {"expires_at": now + seconds, **slot, **lease}})
        return fence

    def renew(self, key: str, fence: int, seconds: float, timeout: float) -> bool:
        """Prolong the lease, if it is the last one given."""
        now = self._wall()
        return self._change(key, fence, timeout, leased_at=now, leased_until=now + seconds)

    def store(self, key: str, entry: bytes, expires_at: float, fence: int, timeout: float) -> bool:
        """Replace the entry, if the lease is the last one given."""
        return self._change(
            key, fence, timeout, entry=b64encode(entry).decode(), expires_at=expires_at, leased_until=0.0
        )

    def release(self, key: str, fence: int, timeout: float) -> None:
        """End the lease, if it is the last one given."""
        self._change(key, fence, timeout, leased_until=0.0)

    def _change(self, key: str, fence: int, timeout: float, **changes: object) -> bool:
        with self._locked(timeout) as slots:
            if slots.get(key, {}).get("fence") != fence:
                return False
            self._write({**slots, key: {**slots[key], **changes}})
        return True

    @contextlib.contextmanager
    def _locked(self, timeout: float) -> Iterator[_Slots]:
        with self._translated():
            lock = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                self._wait_for(lock, Deadline(timeout))
                try:
                    yield self._slots()
                finally:
                    # Said aloud, since a process forked meanwhile holds the same lock.
                    fcntl.flock(lock, fcntl.LOCK_UN)
            finally:
                os.close(lock)

    def _wait_for(self, lock: int, deadline: Deadline) -> None:
        # Not flock's own waiting: that has no time limit, and the holder may have been stopped.
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if deadline.over():
                    raise StoreUnavailable("locked by another process") from None
                time.sleep(random.uniform(0.5, 1.5) * _PAUSE)

    def _slots(self) -> _Slots:
        """What is in the file; nothing where there is no file, or an empty one, as a crash of the machine leaves it."""
        try:
            with open(self._path, "rb") as file:
                content = file.read(_MOST_BYTES)
        except FileNotFoundError:
            return {}
        if not content.strip(b"\0"):
            return {}
        try:
            slots = json.loads(content)[_MARK]
            return {key: dict(slot) for key, slot in slots.items()}
        except (ValueError, TypeError, KeyError, AttributeError):
            # Whatever it is, it may be dear to somebody: it is not overwritten.
            raise StoreError("the file is no token cache", hint="name another file, or remove it") from None

    def _write(self, slots: _Slots) -> None:
        """Replace the file; what nobody needs any more stays behind."""
        now = self._wall()
        kept = {
            key: slot
            for key, slot in slots.items()
            if max(slot.get("expires_at", 0), slot.get("leased_until", 0)) > now
        }
        # One name is enough: whoever writes has the lock.
        draft = f"{self._path}.new"
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(file, "w", encoding="ascii") as writer:
            json.dump({_MARK: kept}, writer)
        os.replace(draft, self._path)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except PermissionError:
            raise AccessDenied(
                "may not be read or written", hint="it and its directory belong to another user"
            ) from None
        except OSError as error:
            raise StoreUnavailable(error.strerror or type(error).__name__) from None


def _needed_until(slot: dict[str, Any]) -> float:
    return max(float(slot.get("expires_at", 0)), float(slot.get("leased_until", 0)))


def open_cache(url: str) -> FileCache:
    """The cache for `file:///path/to/file`. Does no I/O.

    Raises:
        ConfigurationError: the URL has another shape.
    """
    parts = split(url)
    path = unquote(parts.path)
    if parts.netloc not in {"", "localhost"} or not path.strip("/") or path.endswith("/") or "\0" in path:
        raise ConfigurationError("a token cache in a file needs its absolute path", hint="file:///path/to/file")
    if parts.query or parts.fragment:
        raise ConfigurationError("a token cache in a file has no parameters", hint="file:///path/to/file")
    return FileCache(path)


open_cache.url_form = "file:///path/to/file"  # type: ignore[attr-defined]  # shown by `mpesa-secrets backends`
