"""Child processes that listen on loopback, are waited for, and never outlive pytest."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HOST = "127.0.0.1"


def free_port(neighbours: int = 0) -> int:
    """Returns a TCP port on which nobody listens, with as many free ones right after it.

    Ports come from below the range that the kernel gives out by itself, so that a server that is down for a
    while finds its port again.
    """
    for _ in range(200):
        port = 10_000 + secrets.randbelow(22_000)
        if all(_is_free(port + offset) for offset in range(neighbours + 1)):
            return port
    raise RuntimeError("no free TCP port on loopback")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def plain_environment(home: Path, **more: str) -> dict[str, str]:
    """Returns an environment for a server: nothing of the user's but PATH and the locale."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {**kept, "HOME": str(home), **more}


class ServerProcess:
    """One server program; `start()` and `stop()` may be repeated, from any thread.

    `ready` tells whether the server answers; an OSError from it means "not yet".
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], log: Path, ready: Callable[[], bool]
    ) -> None:
        self.command = list(command)
        self.environment = dict(environment)
        self.log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether the program has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id; RuntimeError while the server is down."""
        if self._process is None:
            raise RuntimeError(f"{self.command[0]} is not running")
        return self._process.pid

    def start(self, patience: float = 60.0) -> None:
        """Starts the server and returns when it answers; RuntimeError with its log if it does not."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        self._watcher = _end_with_us(self._process.pid)
        self._wait(time.monotonic() + patience)

    def stop(self, grace: float = 5.0) -> None:
        """Ends the server: asks it to, and kills it if it is still there after `grace` seconds."""
        process, self._process = self._process, None
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.kill()
            watcher.communicate()
        if process is not None:
            _end(process, grace)

    def kill(self) -> None:
        """Ends the server at once, as a crash would."""
        os.kill(self.pid, signal.SIGKILL)
        self.stop()

    def _wait(self, deadline: float) -> None:
        while not self._answers():
            if not self.running or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{self.command[0]} did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            # The second question: on a port that was lost to another server, that one would answer.
            return self._ready() and self.running
        except OSError:
            return False


def _end(process: subprocess.Popen[bytes], grace: float) -> None:
    process.terminate()
    try:
        process.wait(grace)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_with_us(pid: int) -> subprocess.Popen[bytes]:
    """Starts a shell that kills `pid` when our end of its pipe closes, as even `kill -9` of pytest does."""
    return subprocess.Popen(
        ["sh", "-c", 'read -r _; kill -9 "$0"', str(pid)],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
