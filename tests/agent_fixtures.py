"""A running agent, as a program of another language meets it."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from mpesa_secrets.simulator import Simulator
from tests.daraja_client import KEY, SECRET
from tests.program import start

GUARD = {"X-Mpesa-Secrets": "1"}


class Reply(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def token(self) -> str:
        """The token in it."""
        return str(json.loads(self.text)["access_token"])


class Agent:
    """A running agent: `where` is a URL, or the path of a socket."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.where = process.stdout.readline().strip()

    def connect(self, timeout: float = 10.0) -> socket.socket:
        """A connection."""
        if self.where.startswith("http"):
            parts = urlsplit(self.where)
            return socket.create_connection((parts.hostname, parts.port), timeout)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout)
        connection.connect(self.where)
        return connection

    def ask(self, path: str = "/token", method: str = "GET", headers: dict[str, str] = GUARD) -> Reply:
        """One request."""
        connection = http.client.HTTPConnection("localhost")
        connection.sock = self.connect()
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        found = Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode())
        connection.close()
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(number)
        return self.process.wait(10)


Start = Callable[..., Agent]


@pytest.fixture
def agent(daraja: Simulator) -> Iterator[Start]:
    """Starts agents."""
    running: list[Agent] = []

    def begin(*arguments: str, **more: str) -> Agent:
        environment = {
            "MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET, "MPESA_BASE_URL": daraja.base_url, **more,
        }  # fmt: skip
        running.append(Agent(start("agent", *(arguments or ("--port", "0")), environment=environment)))
        return running[-1]

    yield begin
    for one in running:
        one.process.kill()
        one.process.communicate()
