"""The local token server: what it answers, and to whom."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mpesa_secrets.simulator import Simulator
from tests.agent_fixtures import GUARD, Start
from tests.daraja_client import pay
from tests.token_fixtures import eventually


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
