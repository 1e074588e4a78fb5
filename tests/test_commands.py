"""What every command has in common: options, exit codes, errors, streams."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from mpesa_secrets.commands.program import COMMANDS
from mpesa_secrets.simulator import Simulator
from tests.leaks import shows
from tests.program import KEY, PROGRAM, SCRIPT, SECRET, run, start, variables
from tests.servers.processes import free_port


@pytest.fixture
def daraja() -> Iterator[Simulator]:
    with Simulator(KEY, SECRET) as running:
        yield running


def test_help_lists_every_command() -> None:
    """Without importing any."""
    result = run("--help")
    assert result.code == 0
    assert all(re.search(rf"^  {name} ", result.out, re.MULTILINE) for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    """On stdout, with exit code 0."""
    result = run(name, "--help")
    assert (result.code, result.err) == (0, ""), result
    assert result.out.startswith(f"Usage: mpesa-secrets {name} ")


def test_script_and_module_are_one_program() -> None:
    """`mpesa-secrets` and `python -m mpesa_secrets`."""
    for arguments in (["--version"], ["--help"], ["token", "--format", "tar"]):
        module, script = run(*arguments), run(*arguments, program=(str(SCRIPT),))
        assert (module.code, module.out, module.err) == (script.code, script.out, script.err)


def test_version_is_that_of_the_distribution() -> None:
    """On one line."""
    assert run("--version").out == "mpesa-secrets 0.1.0\n"


def test_options_stand_before_or_after_the_command(daraja: Simulator) -> None:
    """And the one that stands last counts."""
    pair = variables()
    assert run("--base-url", daraja.base_url, "token", environment=pair).code == 0
    assert run("token", "--base-url", daraja.base_url, environment=pair).code == 0
    assert run("-e", "moon", "token", "-e", "sandbox", "--base-url", daraja.base_url, environment=pair).code == 0
    assert run("-e", "sandbox", "token", "-e", "moon", environment=pair).code == 3


def test_options_come_before_variables(daraja: Simulator) -> None:
    """A variable that is wrong does no harm where the option is right."""
    wrong = variables(MPESA_BASE_URL="http://192.0.2.1", MPESA_TIMEOUT="never")
    assert run("token", "--base-url", daraja.base_url, "--timeout", "20", environment=wrong).code == 0


@pytest.mark.parametrize(
    "arguments",
    [["frobnicate"], ["token", "--frobnicate"], ["token", "--format", "tar"], ["token", "extra"],
     ["status", "--max-age", "old"], ["--timeout"]],
)  # fmt: skip
def test_wrong_usage_is_code_2(arguments: list[str]) -> None:
    """And says so on stderr."""
    result = run(*arguments)
    assert (result.code, result.out) == (2, ""), result
    assert "Traceback" not in result.err
    assert result.err


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--url", "ftp://host/path"], 3, "no plugin for the scheme 'ftp'"),
        (["--url", "nonsense"], 3, "not a URL"),
        (["--environment", "staging"], 3, "'staging'"),
        (["--base-url", "http://192.0.2.1"], 3, "plain http"),
        (["--timeout", "soon"], 3, "'soon'"),
        (["--timeout", "0"], 3, "timeout 0"),
        (["--token-cache", "carrier-pigeon://loft"], 3, "carrier-pigeon"),
        (["--url", "env://OTHER_"], 4, "OTHER_CONSUMER_KEY"),
        (["--url", "env:///nowhere/.env"], 4, "/nowhere/.env"),
    ],
)
def test_what_is_set_wrong_is_told_in_one_line(arguments: list[str], code: int, says: str, daraja: Simulator) -> None:
    """With the code of its kind, and nobody is asked for a token."""
    result = run(*arguments, "token", environment=variables(daraja.base_url))
    assert says in result.failed(code)
    assert result.out == ""
    assert daraja.token_requests == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [("empty-400", 5), ("invalid-400", 5), ("401", 5), ("forbidden-403", 6), ("plain-400", 6), ("404", 6),
     ("redirect-302", 6), ("html-200", 6), ("spike-arrest-500", 6), ("503", 6), ("reset", 6), ("hang", 6)],
)  # fmt: skip
def test_what_daraja_says_has_its_code(fault: str, code: int, daraja: Simulator) -> None:
    """5 for refused credentials, 6 for everything else."""
    daraja.fail(fault, times=None)
    result = run("--timeout", "4", "token", environment=variables(daraja.base_url))
    result.failed(code)
    assert not shows(result.out + result.err, [SECRET])


def test_nobody_listening_is_code_6() -> None:
    """A port without a server."""
    result = run("--timeout", "1", "token", environment=variables(f"http://127.0.0.1:{free_port()}"))
    result.failed(6)


def test_request_id_is_kept_for_the_support(daraja: Simulator) -> None:
    """Daraja's own, on a line of its own."""
    daraja.fail("invalid-400", times=None)
    assert "requestId" in run("token", environment=variables(daraja.base_url)).err


@pytest.mark.parametrize(
    ("arguments", "kind", "code"),
    [
        (["-e", "moon", "token", "--format", "json"], "ConfigurationError", 3),
        (["-u", "env://OTHER_", "token", "--format", "json"], "SecretNotFound", 4),
        (["-u", "env://OTHER_", "status", "--json"], "SecretNotFound", 4),
        (["-e", "moon", "check", "--json"], "ConfigurationError", 3),
        (["check", "--live", "--json"], "CredentialsRejected", 5),
        (["token", "--format", "json"], "CredentialsRejected", 5),
    ],
)
def test_failure_in_json_is_one_object(arguments: list[str], kind: str, code: int, daraja: Simulator) -> None:
    """On stdout, beside the line on stderr."""
    result = run(*arguments, environment=variables(daraja.base_url, MPESA_CONSUMER_SECRET="another" * 4))
    line = result.failed(code)
    error = result.json["error"]
    assert error == {"type": kind, "message": line, "exit_code": code, "retryable": False}


def test_failure_in_json_tells_what_may_be_tried_again(daraja: Simulator) -> None:
    """`retryable`."""
    daraja.fail("503", times=None)
    result = run("--timeout", "4", "token", "--format", "json", environment=variables(daraja.base_url))
    error = result.json["error"]
    assert isinstance(error, dict)
    assert error["retryable"] is True


FAULTY = """
import sys, types, click
from mpesa_secrets.commands import main
module = types.ModuleType("mpesa_secrets.commands.token_command")
@click.command("token")
def command() -> None:
    raise RuntimeError("SecretOfTheTests")
module.command = command
sys.modules[module.__name__] = module
main()
"""


def test_fault_of_ours_is_one_line_without_its_text() -> None:
    """Code 1, the class and the place."""
    result = run("token", program=(sys.executable, "-c", FAULTY))
    assert "RuntimeError" in result.failed(1)
    assert "SecretOfTheTests" not in result.err


def test_wrong_usage_is_told_in_json_where_that_is_wanted() -> None:
    """One object on stdout, and our lines on stderr."""
    result = run("status", "--json", "--frobnicate")
    result.failed(2)
    assert json.loads(result.out)["error"]["exit_code"] == 2


def test_closed_stdout_is_no_fault() -> None:
    """As cron leaves it; the exit code is what counts then."""
    command = ["sh", "-c", '"$@" backends >&-', "sh", *PROGRAM]
    done = subprocess.run(command, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_reader_that_went_away_is_no_error_message() -> None:
    """As in `mpesa-secrets … | head -0`."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*PROGRAM, "backends"], stdout=writing, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("arguments", [["token"], ["token", "--format", "json"], ["backends"], ["--version"]])
def test_output_that_cannot_be_written_is_a_failure(arguments: list[str], daraja: Simulator) -> None:
    """A full disk must not look like success."""
    environment = {**os.environ, **variables(daraja.base_url)}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, env=environment, check=False
        )
    assert done.returncode not in (0, 120)
    assert done.stderr.startswith("mpesa-secrets: ")
    assert "Traceback" not in done.stderr


def test_interrupt_is_130(daraja: Simulator) -> None:
    """One line, at once, however long the time-out."""
    daraja.fail("hang", times=None)
    process = start("token", environment=variables(daraja.base_url))
    while not daraja.token_requests:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (130, "", "mpesa-secrets: interrupted\n")


@pytest.mark.parametrize(("flags", "lines"), [([], 0), (["-v"], 1), (["-vv"], 1)])
def test_verbose_tells_more_on_stderr(flags: list[str], lines: int, daraja: Simulator) -> None:
    """Before or after the command; never a secret, and stdout stays as it is."""
    for arguments in ([*flags, "token"], ["token", *flags]):
        daraja.fail("503")
        result = run(*arguments, environment=variables(daraja.base_url))
        assert result.err.count("token request 1: DarajaUnavailable") == lines
        assert daraja.is_current(result.out.strip())
        assert not shows(result.err, [SECRET, result.out.strip()])


def test_shells_complete_commands() -> None:
    """By click's own means."""
    script = run(environment={"_MPESA_SECRETS_COMPLETE": "bash_source"})
    assert "complete -o nosort -F _mpesa_secrets_completion mpesa-secrets" in script.out
    words = {"_MPESA_SECRETS_COMPLETE": "bash_complete", "COMP_WORDS": "mpesa-secrets to", "COMP_CWORD": "1"}
    assert run(environment=words).out == "plain,token\n"
