"""A small HTTP server in threads of this process, whose answers a function makes."""

from __future__ import annotations

import http.client
import sys
import threading
from collections.abc import Callable
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from tests.servers.processes import HOST

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


class Answer(NamedTuple):
    """An HTTP answer; Content-Length is added when it is sent."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


class Request:
    """A request as it came in. `headers` are looked up in any case; `status` is what the client was answered,
    None if nothing (yet)."""

    def __init__(self, method: str, path: str, headers: Message, body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.status: int | None = None

    def __repr__(self) -> str:
        return f"<{self.method} {self.path} {self.target or ''} -> {self.status}>"

    @property
    def target(self) -> str | None:
        """The operation of an AWS call, such as `secretsmanager.GetSecretValue`."""
        return self.headers.get("X-Amz-Target")


class LoopbackServer:
    """Serves `answer` at `url` until `close()`; where `answer` returns None the connection is closed."""

    def __init__(self, answer: Callable[[Request], Answer | None]) -> None:
        handler = type("Handler", (_Handler,), {"answer": staticmethod(answer)})
        self._server = _QuietServer((HOST, 0), handler)
        self.url = f"http://{HOST}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stops listening."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def forward(request: Request, upstream: str, timeout: float = 60.0) -> Answer:
    """Sends a request on to the server at the URL `upstream`, headers unchanged, and returns its answer."""
    where = urlsplit(upstream)
    connection = http.client.HTTPConnection(where.hostname or HOST, where.port, timeout=timeout)
    try:
        headers = {name: value for name, value in request.headers.items() if name.lower() != "connection"}
        connection.request(request.method, request.path, request.body or None, headers)
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    kept = tuple((name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP)
    return Answer(answer.status, body, kept)


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that leave early are what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Callable[[Request], Answer | None]

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Request(self.command, self.path, self.headers, body)
        answer = self.answer(request)
        if answer is None:
            self.close_connection = True
            return
        request.status = answer.status
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_LIST = handle_any  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps the test output clean."""
