"""Listening on loopback or on a Unix socket: each connection one request, bounded in time and size."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from mpesa_secrets.errors import ConfigurationError

HOST = "127.0.0.1"
PATIENCE = 5.0  # seconds for a request to come in, and for an answer to go out
MOST_BYTES = 16 * 1024  # of a request's head
MOST_CONNECTIONS = 1000

# The client, or we: a conversation that is cancelled just ends.
_GONE = (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError)


class Address:
    """Where to listen: a Unix socket, or a port of the loopback interface.

    Args:
        port: 0 takes a free one.
        path: of the socket; then the port does not count.
    """

    def __init__(self, port: int, path: Path | None = None) -> None:
        self._port = port
        self._path = path

    def open(self) -> socket.socket:
        """A listening socket; raises ConfigurationError where it cannot be had."""
        try:
            return (
                socket.create_server((HOST, self._port), backlog=1024) if self._path is None else self._at(self._path)
            )
        except OSError as error:
            where = f"port {self._port}" if self._path is None else f"socket {self._path}"
            raise ConfigurationError(f"{where}: {error.strerror or error}", hint="choose another one") from None

    def close(self) -> None:
        """Remove the socket's file."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()

    def _at(self, path: Path) -> socket.socket:
        _clear(path)
        listening = socket.socket(socket.AF_UNIX)
        # Nobody else may connect, not even between its birth and a chmod.
        before = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        listening.listen(1024)
        return listening


def _clear(path: Path) -> None:
    """Remove what an agent that was killed left behind."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigurationError(f"socket {path}: is there already, and is no socket", hint="choose another one")
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except ConnectionRefusedError:
                return path.unlink()
        raise ConfigurationError(f"socket {path}: somebody listens there", hint="stop them, or choose another one")


class Listener:
    """Answers connections for as long as it is entered.

    Args:
        address: where.
        answer: makes the whole answer to a request's head.

    Attributes:
        where: the address, fit to be shown; known once entered.
    """

    def __init__(self, address: Address, answer: Callable[[bytes], Awaitable[bytes]]) -> None:
        self._address = address
        self._answer = answer
        self._conversations: set[asyncio.Task[None] | None] = set()
        self.where = ""

    async def __aenter__(self) -> Listener:
        listening = self._address.open()
        name = listening.getsockname()
        self.where = name if isinstance(name, str) else f"http://{name[0]}:{name[1]}"
        self._server = await asyncio.start_server(self._converse, sock=listening, limit=MOST_BYTES)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        # Those who are being answered are cut off: asyncio.run() cancels them.
        self._server.close()
        self._address.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._conversations.add(task)
        try:
            if len(self._conversations) <= MOST_CONNECTIONS:
                with suppress(*_GONE):
                    await self._exchange(reader, writer)
        finally:
            self._conversations.discard(task)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
        writer.write(await self._answer(head))
        async with asyncio.timeout(PATIENCE):
            await writer.drain()
            writer.close()
            await writer.wait_closed()
