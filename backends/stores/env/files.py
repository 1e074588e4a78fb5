"""Files that are read whole and replaced whole, under a lock, with the errors of a store."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import AccessDenied, MalformedSecret, SecretNotFound, StoreError, StoreUnavailable

from .lines import Dotenv

_POLL_SECONDS = 0.02
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_ABSENT = {errno.ENOENT, errno.ENOTDIR}


@contextmanager
def store_errors(path: str) -> Iterator[None]:
    """Turn an OSError into the store's error that says what the system said."""
    try:
        yield
    except OSError as error:
        raise _translated(path, error) from None


def _translated(path: str, error: OSError) -> StoreError:
    why = error.strerror or type(error).__name__
    if error.errno in _ABSENT:
        return SecretNotFound(f"{path}: no such file", hint="create it, or name another file in the URL")
    if error.errno in _DENIED:
        return AccessDenied(
            f"{path}: {why}", hint="this user must be able to read it; to rotate, to write its directory"
        )
    if error.errno == errno.EBUSY:
        return StoreUnavailable(f"{path}: {why}", hint="if the file itself is a mount, mount its directory instead")
    return StoreUnavailable(f"{path}: {why}")


def read_file(path: str) -> tuple[Dotenv, os.stat_result]:
    """The file's text and its status, of one moment.

    Raises:
        MalformedSecret: it is a directory, a pipe or a device.
        OSError: as the system says.
    """
    # Opening a pipe would wait for its writer for ever.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise MalformedSecret(f"{path}: is {kind}", hint="name the dotenv file itself")
        with open(descriptor, "rb", closefd=False) as file:
            return Dotenv(file.read()), status
    finally:
        os.close(descriptor)


@contextmanager
def locked(directory: str, timeout: float) -> Iterator[None]:
    """Keep other writers of ours out of a directory's files.

    The lock is on the directory itself: it outlives the files that are replaced in it, leaves no lock file
    behind, and ends with its process.

    Raises:
        StoreUnavailable: somebody else had it all the time.
        OSError: as the system says.
    """
    deadline = Deadline(timeout)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while not _lock(descriptor):
            if deadline.over():
                raise StoreUnavailable(f"{directory}: another process held the lock for {timeout:g} s")
            time.sleep(min(_POLL_SECONDS, deadline.left()))
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def replace_files(contents: Sequence[tuple[str, Dotenv]], status: os.stat_result, check: Callable[[], None]) -> None:
    """Put new contents in place of files, one after the other, each in one step; wants the lock.

    Args:
        contents: paths in one directory, and what each shall hold.
        status: whose owner and group the files get. The mode is 0600 from the first byte.
        check: called right before each replacement; what it raises leaves the rest as it was.

    Raises:
        AccessDenied: the files would belong to somebody else afterwards.
        OSError: as the system says.
    """
    # One fixed name each: what a killed process left is overwritten by the next, never added to.
    staged = [(f"{path}.mpesa-secrets-new", path) for path, _ in contents]
    try:
        for (temporary, _), (_, text) in zip(staged, contents, strict=True):
            _stage(temporary, text, status)
        for temporary, path in staged:
            check()
            os.replace(temporary, path)
            _sync_directory(os.path.dirname(path))
    finally:
        for temporary, _ in staged:
            with suppress(OSError):
                os.unlink(temporary)


def _stage(temporary: str, text: Dotenv, status: os.stat_result) -> None:
    with suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        _keep_owner(descriptor, temporary, status)
        file.write(text.data)
        file.flush()
        os.fsync(descriptor)


def _keep_owner(descriptor: int, path: str, status: os.stat_result) -> None:
    try:
        os.fchown(descriptor, status.st_uid, status.st_gid)
    except PermissionError:
        # With mode 0600 the group is of no account, the owner is.
        if os.fstat(descriptor).st_uid != status.st_uid:
            raise AccessDenied(
                f"{path}: would take the file from its owner, uid {status.st_uid}", hint="run as that user"
            ) from None


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
