"""HTTP/1.1 on asyncio streams: just enough to be quick, and to misbehave on purpose."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

Play = Callable[["Reply", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """One request. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    keeps_alive: bool


@dataclass(frozen=True, slots=True, repr=False)
class Reply:
    """One answer; status 0 means that none is sent.

    `play` puts it onto the wire in a way of its own, and the connection ends after it. Without one the
    answer is sent whole and the connection stays open. `delay`: seconds until it goes out.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] | None = None
    play: Play | None = None
    delay: float = 0.0

    def head(self, length: int | None) -> bytes:
        """The status line and the headers, with this Content-Length (None: without one)."""
        lines = [f"HTTP/1.1 {self.status} {_phrase(self.status)}"]
        lines += [f"{name}: {value}" for name, value in (self.headers or {}).items()]
        if length is not None and self.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {length}")
        if self.play:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def encode(self) -> bytes:
        """The whole answer, as it should be."""
        return self.head(len(self.body)) + self.body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request.

    Raises ValueError for what is no HTTP, asyncio.IncompleteReadError when the client has hung up.
    """
    head = (await reader.readuntil(b"\r\n\r\n"))[:-4].decode("latin-1")
    start, *lines = head.split("\r\n")
    method, target, version = start.split(" ")
    path, _, query = target.partition("?")
    fields = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in fields}
    keeps_alive = version != "HTTP/1.0" and headers.get("connection", "").lower() != "close"
    return Request(method, path, query, headers, await _read_body(reader, headers), keeps_alive)


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _read_chunks(reader)
    length = int(headers.get("content-length", "0"))
    return await reader.readexactly(length) if length else b""


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        chunks.append(await reader.readexactly(size))
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        continue
    return b"".join(chunks)


async def hang(_reply: Reply, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Says nothing until the client hangs up."""
    await reader.read()


async def close(_reply: Reply, _reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Ends the connection in good order, without an answer."""


async def reset(_reply: Reply, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Ends the connection with a TCP RST."""
    linger_not_at_all = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not_at_all)
    writer.transport.abort()


async def endless(reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body without a length and without an end."""
    writer.write(reply.head(None) + reply.body)
    while not await _has_gone(reader, 0.001):
        writer.write(b"x" * 16384)
        await writer.drain()


def wrong_length(difference: int) -> Play:
    """A Content-Length that is off by `difference` bytes from the body that is sent."""

    async def play(reply: Reply, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply.head(max(0, len(reply.body) + difference)) + reply.body)

    return play


def dripping(interval: float, *, headers: bool) -> Play:
    """The answer byte by byte, `interval` seconds apart; the headers at once unless `headers`."""

    async def play(reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = reply.encode()
        at_once = 0 if headers else len(answer) - len(reply.body)
        writer.write(answer[:at_once])
        for position in range(at_once, len(answer)):
            writer.write(answer[position : position + 1])
            await writer.drain()
            if await _has_gone(reader, interval):
                return

    return play


async def _has_gone(reader: asyncio.StreamReader, seconds: float) -> bool:
    try:
        await asyncio.wait_for(reader.read(1), seconds)
    except TimeoutError:
        return False
    return True
