"""The local token server: many clients, bad clients, its token file, its end."""

from __future__ import annotations

import os
import signal
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mpesa_secrets.simulator import Simulator
from tests.agent_fixtures import GUARD, Start
from tests.daraja_client import SECRET
from tests.leaks import shows
from tests.token_fixtures import eventually


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
    for left in (sink, tmp_path / "token.new"):
        left.write_text("of another agent")
        left.chmod(0o644)
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
