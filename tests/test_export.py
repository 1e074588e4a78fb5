"""`mpesa-secrets export`: what comes out is read back by those for whom it is meant."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from dotenv import dotenv_values

from mpesa_secrets.simulator import Simulator
from tests.leaks import shows
from tests.program import KEY, PROGRAM, SECRET, run, variables
from tests.servers.extension import ExtensionServer

# What occurs in secrets and has a meaning for some shell, parser or runner.
NASTY = {
    "quotes": "it's \"so\" '' \"\" '\\'' \\\"",
    "dollar": "$HOME ${HOME} $(echo no) `echo no` $$ $'x'",
    "backslash": "\\ \\n \\\\ \\",
    "newlines": "first\nsecond\n\n  third\nEOF\n",
    "returns": "a\rb\r\nc\r",
    "blanks": "  \t around \t ",
    "comment": "a # b #c",
    "bang": "!! !x ^a^b^",
    "equals": "=a=b=",
    "glob": "* ? [a] ~ {a,b}",
    "operators": "; & | < > ( ) && ||",
    "empty": "",
    "percent": "%0A %25 %% 100%",
    "commands": "::set-output name=x::y\n::stop-commands::z",
    "delimiter": "x<<EOF\nEOF",
    "letters": "Safaricom \u00e9 \u4e2d \U0001f600 \u0085 \u2028 \x7f \x01 \x1b[31m",
    "breaks": "a\x0bb\x0cc\x08\x07",
    "dash": "-n",
}
PAIR = {"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET}
EXPECTED = {**PAIR, **{f"MPESA_{name.upper()}": value for name, value in NASTY.items()}}
SHELLS = [shell for shell in ("sh", "dash", "bash", "zsh", "ksh", "busybox") if shutil.which(shell)]


@pytest.fixture
def extension() -> Iterator[ExtensionServer]:
    """A store of JSON secrets with one nasty one."""
    with ExtensionServer() as server:
        server.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET, **NASTY})
        yield server


def leading_to(extension: ExtensionServer) -> dict[str, str]:
    """The environment of a caller."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "LC_ALL": "C.UTF-8",
        "MPESA_SECRETS_URL": "aws://mpesa?via=extension",
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": extension.port,
        "AWS_TOKEN": extension.token,
    }


def printed(extension: ExtensionServer, form: str, *arguments: str, **more: str) -> bytes:
    """What a run with everything prints, byte for byte."""
    command = [*PROGRAM, "export", "--format", form, "--all", *arguments]
    done = subprocess.run(command, env={**leading_to(extension), **more}, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


def seen_after(script: str, shell: str, environment: dict[str, str]) -> dict[str, str]:
    """The variables of ours that a program sees which this shell starts after the script."""
    words = [shell, "sh"] if shell == "busybox" else [shell]
    show = "exec env -u MPESA_SECRETS_URL -0"
    done = subprocess.run([*words, "-c", f"{script}\n{show}"], env=environment, capture_output=True, check=True)
    assert done.stderr == b""
    lines = (line.partition("=") for line in done.stdout.decode("utf-8", "surrogateescape").split("\0"))
    return {name: value for name, _, value in lines if name.startswith("MPESA_")}


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_text_survives_eval(shell: str, extension: ExtensionServer) -> None:
    """In every shell that is here, whatever the values hold."""
    script = f'eval "$({" ".join(PROGRAM)} export --format shell --all)"'
    assert seen_after(script, shell, leading_to(extension)) == EXPECTED


@pytest.mark.parametrize("shell", SHELLS)
def test_shell_text_survives_being_read_as_a_file(shell: str, extension: ExtensionServer, tmp_path: Path) -> None:
    """By the dot, which bash also calls source."""
    (tmp_path / "pair.sh").write_bytes(printed(extension, "shell"))
    assert seen_after(f". {tmp_path}/pair.sh", shell, leading_to(extension)) == EXPECTED


def test_interactive_shell_does_not_expand_history(extension: ExtensionServer, tmp_path: Path) -> None:
    """Where an exclamation mark would bring earlier lines back."""
    (tmp_path / "pair.sh").write_bytes(printed(extension, "shell"))
    script = f"set -o history -o histexpand; . {tmp_path}/pair.sh"
    assert seen_after(script, "bash", leading_to(extension))["MPESA_BANG"] == NASTY["bang"]


def test_shell_text_keeps_bytes_that_are_no_text() -> None:
    """As they stand in our own environment."""
    environment = {**os.environ, **variables(MPESA_PASSKEY="p\udce9q")}
    script = f'eval "$({" ".join(PROGRAM)} export --format shell --all | sed s/PASSKEY/COPY/)"'
    assert seen_after(script, "bash", environment)["MPESA_COPY"] == "p\udce9q"


def test_dotenv_text_is_read_back_by_python_dotenv(extension: ExtensionServer, tmp_path: Path) -> None:
    """Without interpolation, from a file and from a stream."""
    (tmp_path / ".env").write_bytes(printed(extension, "dotenv"))
    assert dotenv_values(tmp_path / ".env", interpolate=False) == EXPECTED
    stream = io.StringIO(printed(extension, "dotenv").decode(), newline="")
    assert dotenv_values(stream=stream, interpolate=False) == EXPECTED


def test_dotenv_text_is_a_store(extension: ExtensionServer, tmp_path: Path) -> None:
    """`env:///path` reads what export wrote."""
    (tmp_path / ".env").write_bytes(printed(extension, "dotenv"))
    result = run("-u", f"env://{tmp_path}/.env", "export", "--all", "--format", "json")
    assert result.json == EXPECTED


def test_dotenv_text_is_plain_where_it_can_be(extension: ExtensionServer) -> None:
    """In single quotes, which a shell and a compose file read alike."""
    extension.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET, "passkey": 'a "b" $c #d'})
    lines = printed(extension, "dotenv").decode().splitlines()
    assert lines == [
        f"MPESA_CONSUMER_KEY='{KEY}'",
        f"MPESA_CONSUMER_SECRET='{SECRET}'",
        "MPESA_PASSKEY='a \"b\" $c #d'",
    ]


def test_json_keeps_types(extension: ExtensionServer) -> None:
    """Of scalars; what has no variable elsewhere has none here."""
    fields = {"live": True, "code": 174379, "rate": 1.5, "none": None, "list": [1], "nested": {"a": "b"}}
    extension.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET, **fields})
    assert json.loads(printed(extension, "json")) == {
        **PAIR,
        "MPESA_LIVE": True,
        "MPESA_CODE": 174379,
        "MPESA_RATE": 1.5,
    }


def test_json_holds_any_text(extension: ExtensionServer) -> None:
    """On one line."""
    assert json.loads(printed(extension, "json")) == EXPECTED
    assert printed(extension, "json").count(b"\n") == 1


def as_the_runner_reads(text: str) -> dict[str, str]:
    """What GitHub's runner makes of $GITHUB_ENV.

    Written after its FileCommandManager.cs: lines end with a line feed, `NAME<<DELIMITER` begins a value that ends
    before the line feed before the line that is the delimiter, `NAME=value` is a whole one, empty lines do not count.
    """
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        name, mark, rest = line.partition("<<" if "<<" in line.partition("=")[0] else "=")
        if not line:
            continue
        assert mark, line
        value = rest
        if mark == "<<":
            inside = []
            while (inner := next(lines)) != rest:
                inside.append(inner)
            value = "\n".join(inside)
        found[name] = value
    return found


def test_github_file_is_read_back_by_the_runner(extension: ExtensionServer, tmp_path: Path) -> None:
    """Every value, behind what other steps wrote, even without an end of line."""
    file = tmp_path / "env"
    file.write_bytes(b"OTHER=1")
    printed(extension, "github", GITHUB_ENV=str(file))
    assert as_the_runner_reads(file.read_bytes().decode()) == {"OTHER": "1", **EXPECTED}


def test_github_delimiter_cannot_be_foreseen(extension: ExtensionServer, tmp_path: Path) -> None:
    """Or a value could end itself and set other variables."""
    file = tmp_path / "env"
    for _ in range(2):
        printed(extension, "github", GITHUB_ENV=str(file))
    delimiters = [line.partition("<<")[2] for line in file.read_text().splitlines() if line.startswith("MPESA_")]
    assert len(set(delimiters)) == len(delimiters) == 2 * len(EXPECTED)
    assert file.stat().st_mode & 0o777 == 0o600


def test_github_masks_every_value_and_every_line_of_it(extension: ExtensionServer, tmp_path: Path) -> None:
    """Escaped as a workflow command's data; nothing else is printed, and nothing twice escaped."""
    output = printed(extension, "github", GITHUB_ENV=str(tmp_path / "env")).decode()
    lines = output.removesuffix("\n").split("\n")
    assert all(line.startswith("::add-mask::") and "\r" not in line for line in lines)
    masked = {unquote(line.removeprefix("::add-mask::")) for line in lines}
    values = [value for value in EXPECTED.values() if value.strip()]
    parts = [part for value in values for part in value.replace("\r", "\n").split("\n") if part.strip()]
    assert masked == {*values, *parts}


def test_github_does_not_mask_true_and_false(extension: ExtensionServer, tmp_path: Path) -> None:
    """No log could be read any more; numbers may be a PIN."""
    extension.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET, "live": True, "pin": 482915})
    output = printed(extension, "github", GITHUB_ENV=str(tmp_path / "env")).decode()
    assert output.split() == [f"::add-mask::{value}" for value in (KEY, SECRET, "482915")]


def test_github_without_its_file_is_a_configuration_error(extension: ExtensionServer, tmp_path: Path) -> None:
    """Before anything is read or printed."""
    for file in ({}, {"GITHUB_ENV": ""}):
        result = run("export", "--format", "github", environment={**leading_to(extension), **file})
        assert result.failed(3) == "GITHUB_ENV: not set"
    assert extension.requests == []
    result = run("export", "--format", "github", environment={**leading_to(extension), "GITHUB_ENV": str(tmp_path)})
    assert result.failed(3) == f"GITHUB_ENV {tmp_path}: Is a directory"


def test_token_is_exported_if_it_is_wanted() -> None:
    """In every format under the same name."""
    with Simulator(KEY, SECRET) as daraja:
        environment = variables(daraja.base_url)
        assert run("export", "--format", "json", environment=environment).json == PAIR
        found = run("export", "--format", "json", "--with-token", environment=environment).json
        assert daraja.is_current(str(found["MPESA_ACCESS_TOKEN"]))
        assert "export MPESA_ACCESS_TOKEN='" in run(
            "export", "--format", "shell", "--with-token", environment=environment
        ).out  # fmt: skip


@pytest.mark.parametrize("form", ["shell", "dotenv", "json", "github"])
def test_secret_that_no_environment_holds_is_refused(form: str, extension: ExtensionServer, tmp_path: Path) -> None:
    """In every format, and nothing comes out."""
    extension.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET, "passkey": "p\0q"})
    environment = {**leading_to(extension), "GITHUB_ENV": str(tmp_path / "env")}
    result = run("export", "--all", "--format", form, environment=environment)
    assert result.failed(4).startswith("MPESA_PASSKEY: ")
    assert not shows(result.out + result.err, [SECRET])
    assert not (tmp_path / "env").exists()
    if form == "json":
        assert result.json["error"] == {
            "type": "MalformedSecret", "message": result.failed(4), "exit_code": 4, "retryable": False,
        }  # fmt: skip


@pytest.mark.parametrize("form", ["dotenv", "github"])
def test_bytes_that_are_no_text_are_refused_where_the_format_is_text(form: str, tmp_path: Path) -> None:
    """python-dotenv and the runner could not read them."""
    environment = variables(MPESA_PASSKEY="p\udce9q", GITHUB_ENV=str(tmp_path / "env"))
    assert run("export", "--all", "--format", form, environment=environment).failed(4).startswith("MPESA_PASSKEY: ")


def test_format_must_be_named() -> None:
    """A usage error otherwise, for each is read by somebody else."""
    for arguments in (["export"], ["export", "--format", "yaml"]):
        assert run(*arguments, environment=variables()).code == 2
