"""`mpesa-secrets exec` where it fails: nothing is started, and the exit code says who failed."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpesa_secrets.simulator import Simulator
from tests.extension_store import reading
from tests.leaks import shows
from tests.program import KEY, PROGRAM, SECRET, Result, run, variables
from tests.servers.extension import ExtensionServer
from tests.servers.processes import HOST, free_port

SHOW = (sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))")
STATUS = ("cat", "/proc/self/status")
PATH_ONLY = {"PATH": os.environ["PATH"]}


@pytest.fixture
def daraja() -> Iterator[Simulator]:
    with Simulator(KEY, SECRET) as running:
        yield running


@pytest.fixture
def extension() -> Iterator[ExtensionServer]:
    """A store of JSON secrets, which holds the pair as `mpesa`."""
    with ExtensionServer() as server:
        server.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET})
        yield server


def not_started(result: Result) -> str:
    """Asserts exit code 125, nothing on stdout and no secret on stderr; returns the first line."""
    assert result.out == ""
    assert not shows(result.err, [SECRET])
    return result.failed(125)


def test_without_a_command_it_is_a_usage_error() -> None:
    """Exit code 2, on stderr."""
    for arguments in (["exec"], ["exec", "--"], ["exec", "--all"], ["exec", "--frobnicate", "--", "true"],
                      ["exec", "--retry-for", "long", "--", "true"]):  # fmt: skip
        result = run(*arguments, environment=variables())
        assert (result.code, result.out) == (2, "")
        assert result.err.endswith("see `mpesa-secrets exec --help`\n")


def test_failure_of_ours_is_125_and_nothing_is_started(tmp_path: Path, daraja: Simulator) -> None:
    """Whatever failed: the pair, the settings, the plugin, Daraja."""
    mark = tmp_path / "started"
    words = ("--", "touch", str(mark))
    assert not_started(run("exec", *words)).startswith("MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET: not set")
    for url in ("nowhere://x", "env:///no/such/file", "env://?x=1"):
        not_started(run("-u", url, "exec", *words, environment=variables()))
    not_started(run("-e", "moon", "exec", *words, environment=variables()))
    wrong = variables(daraja.base_url, MPESA_CONSUMER_SECRET="WrongSecretOfTheTests")
    not_started(run("exec", "--with-token", *words, environment=wrong))
    assert not mark.exists()


def test_fault_of_ours_is_125_too(tmp_path: Path) -> None:
    """A program that fails in a way nobody thought of must not start the command either."""
    script = tmp_path / "faulty.py"
    script.write_text(
        "from mpesa_secrets import environment, commands\n"
        "def gather(*a, **k):\n    raise ValueError('SecretOfTheFault')\n"
        "environment.gather = gather\n"
        "commands.main()\n"
    )
    result = run("exec", "--", "echo", environment=variables(), program=(sys.executable, str(script)))
    assert re.match(r"a fault of ours: ValueError at \S+:\d+$", not_started(result))
    assert "SecretOfTheFault" not in result.err


def test_secret_that_no_environment_holds_is_125(extension: ExtensionServer) -> None:
    """NUL in a value, two fields of one name."""
    pair = {"consumer_key": KEY, "consumer_secret": SECRET}
    for fields in ({"passkey": f"{SECRET}\0"}, {"a-b": "1", "a_b": "2"}):
        extension.hold("mpesa", {**pair, **fields})
        line = not_started(run("exec", "--all", "--", "true", environment=reading(extension.port)))
        assert "MPESA_PASSKEY" in line or "MPESA_A_B" in line
    extension.hold("mpesa", {"consumer_key": KEY, "consumer_secret": f"{SECRET}\0"})
    not_started(run("exec", "--", "true", environment=reading(extension.port)))


def test_command_that_is_not_there_is_127() -> None:
    """By name or by path."""
    for word in ("no-such-command", "/no/such/command", ""):
        assert run("exec", "--", word, environment=variables()).failed(127) == f"{word}: no such command"


def test_command_that_cannot_be_run_is_126(tmp_path: Path) -> None:
    """A directory, a file without the right, a file that is no program."""
    plain, text = tmp_path / "plain", tmp_path / "text"
    plain.write_text("#!/bin/sh\n")
    text.write_text("no program\n")
    text.chmod(text.stat().st_mode | stat.S_IXUSR)
    for path, why in ((tmp_path, "Permission denied"), (plain, "Permission denied"), (text, "Exec format error")):
        assert run("exec", "--", str(path), environment=variables()).failed(126) == f"{path}: cannot be run: {why}"


def test_environment_grown_too_large_is_126(extension: ExtensionServer) -> None:
    """One value beyond what the kernel takes; what is too large is not shown."""
    large = f"{SECRET}{'x' * 200_000}"
    extension.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET, "large": large})
    result = run("exec", "--all", "--", "true", environment=reading(extension.port))
    assert result.failed(126) == "true: cannot be run: Argument list too long"
    assert not shows(result.err, [SECRET])
    assert run("exec", "--", "true", environment=reading(extension.port)).code == 0


def test_store_that_is_down_is_125_at_once() -> None:
    """Without --retry-for nobody waits."""
    begin = time.monotonic()
    not_started(run("exec", "--", "true", environment=reading(str(free_port()))))
    assert time.monotonic() - begin < 10


def test_retry_for_waits_for_a_store_that_is_down(extension: ExtensionServer) -> None:
    """And starts the command as soon as it answers, saying on stderr what it waited for."""
    extension.starting = 10**6
    threading.Timer(2.0, lambda: setattr(extension, "starting", 0)).start()
    result = run("exec", "--retry-for", "30s", "--", "echo", "up", environment=reading(extension.port))
    assert (result.code, result.out) == (0, "up\n")
    assert "; trying for another " in result.err


def test_retry_for_ends() -> None:
    """With 125, as if it had not been tried."""
    begin = time.monotonic()
    not_started(run("exec", "--retry-for", "1s", "--", "true", environment=reading(str(free_port()))))
    assert 1.0 <= time.monotonic() - begin < 15


def test_retry_for_is_for_what_may_pass() -> None:
    """A secret that is not there will not come by waiting."""
    begin = time.monotonic()
    assert "trying for another" not in run("exec", "--retry-for", "1m", "--", "true").err
    assert time.monotonic() - begin < 20


def test_store_that_hangs_is_given_up_within_the_timeout() -> None:
    """Even one that takes the connection and says nothing."""
    with socket.create_server((HOST, 0)) as silent:
        port = str(silent.getsockname()[1])
        begin = time.monotonic()
        not_started(run("--timeout", "1", "exec", "--", "true", environment=reading(port)))
        assert time.monotonic() - begin < 10


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_first_process_of_a_container_can_be_stopped_while_it_waits() -> None:
    """The kernel delivers SIGTERM to PID 1 only if it asks for it; a container is then killed after ten seconds."""
    words = [*PROGRAM, "exec", "--retry-for", "1m", "--", "true"]
    unshare = ["unshare", "--fork", "--pid", "--kill-child", "sh", "-c", 'exec "$@"', "sh"]
    process = subprocess.Popen(
        [*unshare, *words], env={**os.environ, **reading(str(free_port()))}, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    if "Operation not permitted" in line:
        pytest.skip("no PID namespaces here")
    (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(child), signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM
