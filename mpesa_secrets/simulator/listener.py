"""A listening socket, an event loop and the thread that runs it: hundreds of connections, one thread."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress

from mpesa_secrets.simulator.wire import Reply, Request, read_request

_BACKLOG = 1024
_HEAD_LIMIT = 65536
_GONE = (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)


class Listener:
    """Serves `answer`, which must not block, until stop(). May be started again."""

    def __init__(self, answer: Callable[[Request], Reply], tls: ssl.SSLContext | None) -> None:
        self._answer = answer
        self._tls = tls
        self._stop: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._conversations: set[asyncio.Task[None]] = set()

    def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen there, and say where that is. Raises OSError if the port is taken."""
        if self._thread:
            raise RuntimeError("the simulator is running already")
        listening = socket.create_server((host, port), backlog=_BACKLOG)
        bound: tuple[str, int] = listening.getsockname()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(listening, ready), daemon=True)
        self._thread.start()
        ready.wait()
        return host, bound[1]

    def stop(self) -> None:
        """End all connections; does nothing when not running."""
        if self._thread and self._stop:
            self._stop()
            self._thread.join()
        self._thread = None

    def _run(self, listening: socket.socket, ready: threading.Event) -> None:
        asyncio.run(self._serve(listening, ready))

    async def _serve(self, listening: socket.socket, ready: threading.Event) -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopping.set)
        server = await asyncio.start_server(
            self._accept, sock=listening, backlog=_BACKLOG, limit=_HEAD_LIMIT, ssl=self._tls
        )
        ready.set()
        await stopping.wait()
        # asyncio.run() cancels the conversations; waiting for them, as `async with server` does, could last.
        server.close()
        for writer in [*self._writers]:  # also of those who had no turn yet
            writer.transport.abort()
        await asyncio.sleep(0)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        conversation = asyncio.create_task(self._converse(reader, writer))
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            # Cancelled is how asyncio.run() ends those that are still talking when the simulator stops.
            with suppress(*_GONE, asyncio.CancelledError):
                while await self._exchange(reader, writer):
                    continue
                writer.close()
                await writer.wait_closed()
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection stays."""
        try:
            request = await read_request(reader)
        except ValueError:
            writer.write(Reply(400, b"not HTTP").encode())
            return False
        reply = self._reply(request)
        await asyncio.sleep(reply.delay)
        if reply.play:
            await reply.play(reply, reader, writer)
            return False
        writer.write(reply.encode())
        await writer.drain()
        return request.keeps_alive

    def _reply(self, request: Request) -> Reply:
        try:
            return self._answer(request)
        except Exception as error:
            return Reply(500, f"the simulator failed: {type(error).__name__}".encode())
