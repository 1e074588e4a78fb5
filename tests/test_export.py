"""`mpesa-secrets export`: what comes out is read back by those for whom it is meant."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from mpesa_secrets.simulator import Simulator
from tests.extension_store import EXPECTED, NASTY, PAIR, leading_to, printed
from tests.leaks import shows
from tests.program import KEY, PROGRAM, SECRET, run, variables
from tests.servers.extension import ExtensionServer

SHELLS = [shell for shell in ("sh", "dash", "bash", "zsh", "ksh", "busybox") if shutil.which(shell)]


@pytest.fixture
def extension() -> Iterator[ExtensionServer]:
    """A store of JSON secrets with one nasty one."""
    with ExtensionServer() as server:
        server.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET, **NASTY})
        yield server


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
