"""`mpesa-secrets simulate`: a local Daraja for other programs."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from mpesa_secrets.simulator import FAULTS
from tests.program import KEY, SECRET, run, start

EXPORT = re.compile(r"^export (\w+)='(.*)'$", re.MULTILINE)


class Running:
    """A simulator in a process of its own, and the variables that it printed."""

    def __init__(self, process: subprocess.Popen[str], lines: int) -> None:
        assert process.stdout is not None
        self.process = process
        self.text = "".join(process.stdout.readline() for _ in range(lines))
        self.variables = dict(EXPORT.findall(self.text))


@contextlib.contextmanager
def simulate(*arguments: str, lines: int = 4) -> Iterator[Running]:
    """Runs it until the end of the block."""
    process = start("simulate", *arguments)
    try:
        yield Running(process, lines)
    finally:
        process.kill()
        process.communicate()


def test_lines_it_prints_are_all_that_an_application_needs() -> None:
    """They can be evaluated, and a token comes."""
    with simulate() as daraja:
        assert set(daraja.variables) == {"MPESA_BASE_URL", "MPESA_CONSUMER_KEY", "MPESA_CONSUMER_SECRET"}
        result = run("token", environment=daraja.variables)
        assert result.code == 0, result
        script = 'eval "$1"; printf %s "$MPESA_CONSUMER_SECRET"'
        done = subprocess.run(["sh", "-c", script, "sh", daraja.text], capture_output=True, text=True, check=True)
        assert done.stdout == daraja.variables["MPESA_CONSUMER_SECRET"]


def test_pair_of_ones_own_is_accepted_and_not_shown() -> None:
    """And the built-in one is refused."""
    with simulate("--consumer-key", KEY, "--consumer-secret", SECRET, lines=2) as daraja:
        pair = {"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET}
        assert run("token", environment=daraja.variables | pair).code == 0
        other = {"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": "another" * 4}
        assert run("token", environment=daraja.variables | other).code == 5
        daraja.process.terminate()
        out, err = daraja.process.communicate(timeout=10)
        assert SECRET not in daraja.text + out + err


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signal_ends_it(sent: signal.Signals, code: int) -> None:
    """Without a traceback, and the port is free again."""
    with simulate() as daraja:
        daraja.process.send_signal(sent)
        _, err = daraja.process.communicate(timeout=10)
        assert daraja.process.returncode == code
        assert "Traceback" not in err


def test_port_that_is_taken_is_told() -> None:
    """Code 3, with the port."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run("simulate", "--port", str(port)).failed(3) == f"port {port}: address already in use"


def test_port_can_be_chosen() -> None:
    """The base URL holds it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    with simulate("--port", str(port)) as daraja:
        assert daraja.variables["MPESA_BASE_URL"] == f"http://127.0.0.1:{port}"


def test_faults_come_as_often_as_they_were_asked_for() -> None:
    """In the order of the options."""
    with simulate("--fault", "plain-400:2", "--fault", "empty-400") as daraja:
        codes = [run("token", environment=daraja.variables).code for _ in range(4)]
        assert codes == [6, 6, 5, 0]


def test_settings_of_the_simulated_service() -> None:
    """Lifetime, method, and what a new token does to the ones before."""
    with simulate("--lifetime", "120", "--method", "POST", "--keep-old-tokens") as daraja:
        first = run("token", "--format", "json", environment=daraja.variables).json
        assert first["expires_in"] in range(110, 121)
        assert run("token", environment=daraja.variables).out.strip() != first["access_token"]
        url = daraja.variables["MPESA_BASE_URL"].removeprefix("http://")
        host, _, port = url.partition(":")
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(
                f"GET /mpesa/x HTTP/1.1\r\nAuthorization: Bearer {first['access_token']}\r\n\r\n".encode()
            )
            assert connection.recv(64).startswith(b"HTTP/1.1 200 ")


def test_latency_holds_every_answer_back() -> None:
    """Longer than the client's patience: code 6."""
    with simulate("--latency", "30") as daraja:
        run("--timeout", "0.5", "token", environment=daraja.variables).failed(6)


@pytest.mark.parametrize(
    "arguments",
    [["--fault", "nope"], ["--fault", "reset:0"], ["--fault", "reset:x"], ["--port", "99999"], ["--port", "x"],
     ["--lifetime", "0"], ["--latency", "-1"], ["--method", "PUT"], ["--consumer-key", "half"]],
)  # fmt: skip
def test_wrong_arguments_are_usage_errors(arguments: list[str]) -> None:
    """Nothing is served."""
    result = run("simulate", *arguments)
    assert (result.code, result.out) == (2, ""), result
    assert "Traceback" not in result.err


def test_faults_can_be_listed() -> None:
    """One a line."""
    assert run("simulate", "--list-faults").out.split() == list(FAULTS)
