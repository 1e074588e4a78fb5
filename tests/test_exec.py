"""`mpesa-secrets exec`, as the process that it becomes."""

from __future__ import annotations

import json
import os
import pty
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
from tests.leaks import shows
from tests.program import KEY, PROGRAM, SECRET, Result, run, start, variables
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


def reading(port: str) -> dict[str, str]:
    """The variables that lead to the secret `mpesa` in an extension on that port."""
    return {
        "MPESA_SECRETS_URL": "aws://mpesa?via=extension",
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": port,
        "AWS_TOKEN": "token-of-the-agent",
    }


def not_started(result: Result) -> str:
    """Asserts exit code 125, nothing on stdout and no secret on stderr; returns the first line."""
    assert result.out == ""
    assert not shows(result.err, [SECRET])
    return result.failed(125)


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
    """The signals in a line of /proc/PID/status."""
    mask = int(re.search(rf"{line}:\s+([0-9a-f]+)", status)[1], 16)  # type: ignore[index]
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


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
    _, status = os.waitpid(pid, 0)
    said = os.read(terminal, 4096).decode()
    os.close(terminal)
    assert (os.waitstatus_to_exitcode(status), "got typed" in said) == (0, True)


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


def test_without_a_command_it_is_a_usage_error() -> None:
    """Exit code 2, on stderr."""
    for arguments in (["exec"], ["exec", "--"], ["exec", "--all"], ["exec", "--frobnicate", "--", "true"],
                      ["exec", "--retry-for", "long", "--", "true"]):  # fmt: skip
        result = run(*arguments, environment=variables())
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith("Usage: ")


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


def test_verbose_shows_no_secret(daraja: Simulator) -> None:
    """Others print the child's environment there."""
    result = run("-vv", "exec", "--all", "--with-token", "--", "true", environment=variables(daraja.base_url))
    assert result.code == 0
    assert not shows(result.err, [SECRET])


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
