"""The local token server, as a program of another language meets it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest

from mpesa_secrets.simulator import Simulator
from tests.daraja_client import KEY, SECRET, pay
from tests.leaks import shows
from tests.program import start
from tests.token_fixtures import eventually

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


def test_token_comes_as_json(agent: Start, daraja: Simulator) -> None:
    """As `token --format json` prints it; nothing on the way keeps it."""
    reply = agent().ask()
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["cache-control"] == "no-store"
    fields = json.loads(reply.text)
    assert set(fields) == {"access_token", "expires_at", "expires_in"}
    assert fields["expires_in"] == pytest.approx(fields["expires_at"] - time.time(), abs=3)
    assert pay(daraja, reply.token).status == 200


def test_it_listens_on_loopback_alone(agent: Start) -> None:
    """Nobody else's machine gets an answer."""
    running = agent()
    listening = subprocess.run(["cat", "/proc/net/tcp"], capture_output=True, text=True, check=True).stdout
    port = f":{urlsplit(running.where).port:04X} "
    assert [line.split()[1] for line in listening.splitlines() if port in line and " 0A " in line] == [
        f"0100007F{port.strip()}"
    ]


def test_unix_socket_is_its_owners_alone(agent: Start, tmp_path: Path) -> None:
    """And goes when the agent goes."""
    path = tmp_path / "agent.sock"
    running = agent("--socket", str(path))
    assert running.where == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert running.ask().status == 200
    assert running.end() == 0
    assert not path.exists()


def test_socket_that_a_killed_agent_left_is_replaced(agent: Start, tmp_path: Path) -> None:
    """But not one where somebody listens, nor a file."""
    path = tmp_path / "agent.sock"
    agent("--socket", str(path)).end(signal.SIGKILL)
    assert path.exists()
    assert agent("--socket", str(path)).ask().status == 200
    assert agent("--socket", str(path)).process.wait(10) == 3
    (tmp_path / "file").write_text("precious")
    assert agent("--socket", str(tmp_path / "file")).process.wait(10) == 3
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize(
    ("headers", "path"),
    [
        ({}, "/token"),
        ({"X-Mpesa-Secrets": "0"}, "/token"),
        ({**GUARD, "Host": "evil.example"}, "/token"),
        ({**GUARD, "Host": "evil.example:7780"}, "/health"),
        ({**GUARD, "Host": "127.0.0.1.evil.example"}, "/token"),
    ],
)
def test_browser_gets_no_token(agent: Start, headers: dict[str, str], path: str) -> None:
    """Neither a page that sends what it may, nor one whose name leads here."""
    reply = agent().ask(path, headers=headers)
    assert reply.status == 403
    assert "access_token" not in reply.text


def test_preflight_is_not_granted(agent: Start) -> None:
    """So the header cannot be sent from another origin."""
    reply = agent().ask("/token", "OPTIONS", {"Origin": "https://evil.example"})
    assert reply.status == 405
    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize(("path", "method", "status"), [("/", "GET", 404), ("/token", "POST", 405)])
def test_other_doors_are_none(agent: Start, path: str, method: str, status: int) -> None:
    """Three there are."""
    assert agent().ask(path, method).status == status


def test_refused_token_is_replaced(agent: Start, daraja: Simulator) -> None:
    """Once: who comes late with the old one gets the new one."""
    running = agent()
    old = running.ask().token
    daraja.expire_tokens()
    answers = [running.ask("/refused", "POST", {**GUARD, "Authorization": f"Bearer {old}"}) for _ in range(3)]
    assert len({answer.token for answer in answers}) == 1
    assert daraja.is_current(answers[0].token)
    assert len(daraja.token_requests) == 2
    assert running.ask("/refused", "POST").status == 400


def test_health_says_how_things_stand(agent: Start, daraja: Simulator) -> None:
    """Without the header, for probes; and without asking Daraja each time."""
    running = agent()
    eventually(lambda: running.ask("/health", headers={}).status == 200)
    assert json.loads(running.ask("/health", headers={}).text)["ok"] is True
    assert len(daraja.token_requests) == 1


def test_failure_is_told_with_its_kind(agent: Start, daraja: Simulator) -> None:
    """502 for what stays, 503 for what may pass."""
    daraja.fail("empty-400", None)
    running = agent()
    reply = running.ask()
    assert (reply.status, json.loads(reply.text)["error"]["type"]) == (502, "CredentialsRejected")
    eventually(lambda: b"Rejected" in running.ask("/health", headers={}).text.encode())
    assert running.ask("/health", headers={}).status == 503
    daraja.clear()
    daraja.fail("503", None)
    reply = agent("--port", "0", "--timeout", "1").ask()
    assert (reply.status, json.loads(reply.text)["error"]["retryable"]) == (503, True)


def test_two_hundred_clients_at_once_are_served(agent: Start, daraja: Simulator) -> None:
    """While others are slow, and some never read; all with one token request."""
    running = agent()
    idle = [running.connect() for _ in range(100)]
    for number, connection in enumerate(idle):
        connection.sendall(b"GET /token HTTP/1.1\r\nX-Mpesa-Secrets: 1\r\n" + (b"\r\n" if number % 2 else b""))
    with ThreadPoolExecutor(200) as pool:
        replies = list(pool.map(lambda _: running.ask(), range(200)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.token for reply in replies}) == 1
    assert len(daraja.token_requests) == 1
    for connection in idle:
        connection.close()


def test_client_that_sends_slowly_is_cut_off(agent: Start) -> None:
    """It does not hold its place for ever."""
    with agent().connect() as connection:
        connection.sendall(b"GET /token HTTP/1.1\r\n")
        begun = time.monotonic()
        assert connection.recv(100) == b""
        assert 2.0 < time.monotonic() - begun < 9.0


@pytest.mark.parametrize("sent", [b"\r\n\r\n", b"nonsense\r\n\r\n", b"GET /token SPDY/3\r\n\r\n", b"x" * 70000])
def test_what_is_no_http_does_no_harm(agent: Start, sent: bytes) -> None:
    """It is told so, or cut off."""
    running = agent()
    with running.connect() as connection:
        try:
            connection.sendall(sent)
            assert connection.recv(1000)[:12] in (b"HTTP/1.1 400", b"")
        except ConnectionError:
            pass
    assert running.ask().status == 200


def test_sink_has_the_token_and_is_its_owners_alone(agent: Start, daraja: Simulator, tmp_path: Path) -> None:
    """Whatever stood there before; and it follows when the token is replaced."""
    sink = tmp_path / "token"
    sink.write_text("of another agent")
    sink.chmod(0o644)
    running = agent("--port", "0", "--sink", str(sink))
    eventually(lambda: daraja.is_current(sink.read_text()))
    assert stat.S_IMODE(sink.stat().st_mode) == 0o600
    old = sink.read_text()
    running.ask("/refused", "POST", {**GUARD, "Authorization": f"Bearer {old}"})
    eventually(lambda: sink.read_text() != old)
    assert daraja.is_current(sink.read_text())
    assert os.listdir(tmp_path) == ["token"]


def test_sink_that_cannot_be_written_is_a_setting_to_correct(agent: Start, tmp_path: Path) -> None:
    """At the start."""
    assert agent("--port", "0", "--sink", str(tmp_path / "missing" / "token")).process.wait(10) == 3
    assert agent("--port", "0", "--sink", str(tmp_path)).process.wait(10) == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signal_ends_it(agent: Start, number: int, code: int) -> None:
    """In good order, and with clients that hang."""
    running = agent()
    with running.connect():
        assert running.end(number) == code
    assert running.process.communicate()[1] == ""


def test_port_that_is_taken_is_a_setting_to_correct(agent: Start) -> None:
    """Exit 3."""
    port = urlsplit(agent().where).port
    other = agent("--port", str(port))
    assert other.process.wait(10) == 3
    assert "in use" in other.process.communicate()[1]


def test_agent_says_nothing_that_is_secret(agent: Start, daraja: Simulator) -> None:
    """Not even when it is told to talk, and when all goes wrong."""
    running = agent("--port", "0", "-vv")
    token = running.ask().token
    daraja.fail("echo-secret", None)
    running.ask("/refused", "POST", {**GUARD, "Authorization": f"Bearer {token}"})
    running.end()
    assert not shows("".join(running.process.communicate()), [token, SECRET])


def test_agents_share_through_the_cache(agent: Start, daraja: Simulator, tmp_path: Path) -> None:
    """As everybody does."""
    cache = f"file://{tmp_path}/tokens"
    assert len({agent("--port", "0", "--token-cache", cache).ask().token for _ in range(2)}) == 1
    assert len(daraja.token_requests) == 1
