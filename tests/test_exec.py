"""`mpesa-secrets exec`, as the process that it becomes."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mpesa_secrets.simulator import Simulator
from tests.extension_store import reading
from tests.leaks import shows
from tests.program import KEY, PROGRAM, SECRET, run, start, variables
from tests.servers.extension import ExtensionServer

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


def test_command_finds_the_pair_in_its_environment(extension: ExtensionServer) -> None:
    """Beside everything that was there, and nothing else of the secret."""
    extension.hold("mpesa", {"consumerKey": KEY, "consumerSecret": SECRET, "passkey": "p"})
    before = {**reading(extension.port), "OTHER": "stays", "MPESA_CONSUMER_SECRET": "of yesterday"}
    found = run("exec", "--", *SHOW, environment=before).json
    assert found == {**os.environ, **before, "MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET}


def test_all_adds_the_other_scalars(extension: ExtensionServer) -> None:
    """Under names and in a spelling that any program reads."""
    fields = {"initiatorName": "api", "live": True, "code": 174379, "none": None, "urls": ["x"], "nested": {"a": "b"}}
    extension.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET, **fields})
    found = run("exec", "--all", "--", *SHOW, environment=reading(extension.port)).json
    added = found.keys() - os.environ.keys() - reading("").keys() - {"MPESA_CONSUMER_KEY", "MPESA_CONSUMER_SECRET"}
    assert {name: found[name] for name in added} == {
        "MPESA_INITIATOR_NAME": "api", "MPESA_LIVE": "true", "MPESA_CODE": "174379",
    }  # fmt: skip


def test_all_takes_the_variables_with_the_prefix(tmp_path: Path) -> None:
    """Of the environment and of a dotenv file alike."""
    pair = {"SHOP_CONSUMER_KEY": KEY, "SHOP_CONSUMER_SECRET": SECRET, "SHOP_PASSKEY": "p\udce9"}
    found = run("-u", "env://SHOP_", "exec", "--all", "--", *SHOW, environment=pair).json
    assert (found["MPESA_CONSUMER_SECRET"], found["MPESA_PASSKEY"]) == (SECRET, "p\udce9")
    file = tmp_path / ".env"
    file.write_text(f"MPESA_CONSUMER_KEY={KEY}\nMPESA_CONSUMER_SECRET={SECRET}\nMPESA_SHORT_CODE=174379\nOTHER=1\n")
    found = run("-u", f"env://{file}", "exec", "--all", "--pristine", "--", *SHOW).json
    assert found["MPESA_SHORT_CODE"] == "174379"
    assert "OTHER" not in found


def test_with_token_adds_one(daraja: Simulator) -> None:
    """A token that Daraja takes, for one request."""
    found = run("exec", "--with-token", "--", *SHOW, environment=variables(daraja.base_url)).json
    assert daraja.is_current(str(found["MPESA_ACCESS_TOKEN"]))
    assert daraja.stats()["token_requests"] == 1


def test_without_it_daraja_is_not_asked(daraja: Simulator) -> None:
    """Each token request may end a token that is in use."""
    assert run("exec", "--", "true", environment=variables(daraja.base_url)).code == 0
    assert daraja.stats()["token_requests"] == 0


def test_pristine_starts_from_nothing() -> None:
    """But PATH, HOME, LANG and TZ, and those only where they are set."""
    kept = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8", "TZ": "Africa/Nairobi"}
    before = {**variables(), **kept, "LC_ALL": "C", "OTHER": "goes"}
    found = run("exec", "--pristine", "--", "env", environment=before).out.splitlines()
    assert sorted(found) == sorted(f"{name}={value}" for name, value in {**kept, **variables()}.items())


def test_command_is_looked_up_in_its_own_path(tmp_path: Path) -> None:
    """PATH may come out of the secret's neighbourhood, but never out of ours."""
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho here\n")
    tool.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    assert run("exec", "--pristine", "--", "tool", environment=variables(PATH=path)).out == "here\n"


def test_arguments_arrive_as_they_are() -> None:
    """Options of the command's own, dashes, empty ones, quotes, and bytes that are no text."""
    words = ["--all", "--", "-x", "", "a b", "'\"$`!", "line\nfeed", "\udce9"]
    script = "import sys, json; print(json.dumps(sys.argv[1:]))"
    for dashes in (["--"], []):
        result = run("exec", *dashes, sys.executable, "-c", script, *words, environment=variables())
        assert json.loads(result.out) == words


def test_process_is_the_same_one() -> None:
    """The command has the PID that was started."""
    process = start("exec", "--", "sh", "-c", "echo $$; read -r line", environment=variables())
    out, _ = process.communicate(timeout=30)
    assert int(out) == process.pid


@pytest.mark.parametrize("code", [0, 1, 42, 125, 255])
def test_exit_code_is_the_commands_own(code: int) -> None:
    """Whatever it is."""
    result = run("exec", "--", "sh", "-c", f"exit {code}", environment=variables())
    assert (result.code, result.err) == (code, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_closed_streams_are_the_commands_own_affair(closed: str) -> None:
    """As daemons and cron leave them."""
    line = f'"$@" exec -- sh -c "exit 7" {closed}'
    command = ["sh", "-c", line, "sh", *PROGRAM]
    assert subprocess.run(command, env={**os.environ, **variables()}, check=False).returncode == 7


def test_signal_reaches_the_command() -> None:
    """And its own way of dealing with it decides."""
    script = "trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    process = start("exec", "--", "sh", "-c", script, environment=variables())
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    assert (process.communicate(timeout=30)[0], process.returncode) == ("caught\n", 7)


def test_death_by_a_signal_is_seen_as_such() -> None:
    """By the parent, which is told the signal and no exit code."""
    assert run("exec", "--", "sh", "-c", "kill -KILL $$", environment=variables()).code == -signal.SIGKILL


def signals(line: str, status: str) -> set[int]:
    """The signals in a line of /proc/PID/status, but for those from 32 on, which the C library keeps to itself."""
    mask = int(re.search(rf"{line}:\s+([0-9a-f]+)", status)[1], 16)  # type: ignore[index]
    return {number for number in range(1, 32) if mask >> (number - 1) & 1}


def test_command_starts_with_clean_signals() -> None:
    """Python ignores SIGPIPE and SIGXFSZ for itself; the command must not inherit that."""
    status = subprocess.run(
        [*PROGRAM, "exec", "--", *STATUS], env={**os.environ, **variables()}, capture_output=True, text=True,
        restore_signals=True, check=True,
    ).stdout  # fmt: skip
    assert (signals("SigIgn", status), signals("SigBlk", status)) == (set(), set())


def test_inherited_signals_stay_as_they_were() -> None:
    """What the caller ignores (nohup, a background job) or blocks is the caller's business."""

    def ignore_and_block() -> None:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    status = subprocess.run(
        [*PROGRAM, "exec", "--", *STATUS], env={**os.environ, **variables()}, capture_output=True, text=True,
        preexec_fn=ignore_and_block, check=True,
    ).stdout  # fmt: skip
    assert signals("SigIgn", status) == {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT}
    assert signals("SigBlk", status) == {signal.SIGUSR1}


def test_pipe_that_nobody_reads_ends_the_command() -> None:
    """As it does without us: `exec -- yes | head -1` is no endless loop."""
    line = f"{sys.executable} -m mpesa_secrets exec -- yes | head -1"
    done = subprocess.run(
        ["bash", "-c", f"{line}; echo ${{PIPESTATUS[0]}}"], env={**os.environ, **variables()}, capture_output=True,
        text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("y\n141\n", "")


def test_terminal_is_the_commands_own() -> None:
    """It is still one, and what is typed arrives."""
    pid, terminal = pty.fork()
    if pid == 0:
        words = ["exec", "--", "sh", "-c", "test -t 0 && read -r x && echo got $x"]
        os.execve(sys.executable, [*PROGRAM, *words], {**os.environ, **variables()})  # noqa: S606  as a terminal does
    os.write(terminal, b"typed\n")
    said = b""
    # A terminal that nobody holds open any more ends in an error.
    with suppress(OSError):
        while piece := os.read(terminal, 4096):
            said += piece
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    assert (os.waitstatus_to_exitcode(status), b"got typed" in said) == (0, True), said


def test_no_file_of_ours_is_left_open(daraja: Simulator) -> None:
    """Neither the store's connection nor Daraja's."""
    result = run("exec", "--with-token", "--", "ls", "/proc/self/fd", environment=variables(daraja.base_url))
    assert len(result.out.split()) == 4  # the three, and the directory that ls reads


def test_threads_of_the_token_finish_before_the_command_starts(tmp_path: Path) -> None:
    """What puts the token into a shared cache would otherwise end in the midst of it."""
    script = tmp_path / "late.py"
    script.write_text(
        "import sys, threading, time\n"
        "from mpesa_secrets import environment, commands\n"
        "gather = environment.gather\n"
        "def late():\n    time.sleep(0.5)\n    print('shared', flush=True)\n"
        "def slow(*a, **k):\n"
        "    threading.Thread(target=late, daemon=True).start()\n"
        "    return gather(a[0], everything=k['everything'])\n"
        "environment.gather = slow\n"
        "commands.main()\n"
    )
    words = ("exec", "--with-token", "--", "echo", "started")
    result = run(*words, environment=variables(), program=(sys.executable, str(script)))
    assert result.out == "shared\nstarted\n"


def test_verbose_shows_no_secret(daraja: Simulator) -> None:
    """Others print the child's environment there."""
    result = run("-vv", "exec", "--all", "--with-token", "--", "true", environment=variables(daraja.base_url))
    assert result.code == 0
    assert not shows(result.err, [SECRET])
