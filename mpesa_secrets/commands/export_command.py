"""`mpesa-secrets export`: what `exec` sets, as text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator

import click

from mpesa_secrets.commands.session import Session, command as _command
from mpesa_secrets.commands.token_command import quoted
from mpesa_secrets.environment import Variables, gather
from mpesa_secrets.errors import ConfigurationError, MalformedSecret

# What python-dotenv takes back out of double quotes.
_ESCAPES = str.maketrans(
    {"\\": r"\\", '"': r"\"", "\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
)
# As the runner's own toolkit escapes the data of a workflow command (actions/toolkit, core/src/command.ts).
_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})


def _shell(variables: Variables) -> bytes:
    lines = (f"export {name}={quoted(variables.text(name))}\n" for name in variables.values)
    return "".join(lines).encode("utf-8", "surrogateescape")


def _dotenv(variables: Variables) -> bytes:
    return "".join(f"{name}={_dotenv_value(variables.text(name))}\n" for name in variables.values).encode()


def _dotenv_value(value: str) -> str:
    """In single quotes, which a shell reads alike, unless they cannot hold it."""
    return f"'{value}'" if re.fullmatch(r"[^'\\\x00-\x1f]*", value) else f'"{value.translate(_ESCAPES)}"'


def _masks(variables: Variables) -> bytes:
    """A line for the runner for all that its logs must not show: every value that is more than true or false."""
    texts = [variables.text(name) for name in variables.values if not isinstance(variables.values[name], bool)]
    return "".join(f"::add-mask::{part.translate(_DATA)}\n" for text in texts for part in _maskable(text)).encode()


def _maskable(text: str) -> Iterator[str]:
    """The whole of it, and its lines, for logs come line by line."""
    lines = re.split(r"[\r\n]+", text)
    for part in [text] if len(lines) == 1 else [text, *lines]:
        if part.strip():
            yield part


def _github_entries(variables: Variables) -> bytes:
    return "".join(_github_entry(name, variables.text(name)) for name in variables.values).encode()


def _github_entry(name: str, value: str) -> str:
    delimiter = f"mpesa_secrets_{os.urandom(16).hex()}"
    while delimiter in value:
        delimiter = f"mpesa_secrets_{os.urandom(16).hex()}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


FORMATS: dict[str, Callable[[Variables], bytes]] = {"shell": _shell, "dotenv": _dotenv, "github": _masks}


@_command("export")
@click.option("--format", "form", type=click.Choice(["shell", "dotenv", "json", "github"]), required=True)
@click.option("--all", "everything", is_flag=True, help="Add every other scalar field of the secret as MPESA_<FIELD>.")
@click.option("--with-token", is_flag=True, help="Add an access token as MPESA_ACCESS_TOKEN.")
def command(session: Session, form: str, everything: bool, with_token: bool) -> None:
    """Print the pair for a shell, a dotenv file, JSON or GitHub Actions.

    shell is for `eval "$(…)"`. github appends to the file $GITHUB_ENV, for the steps that follow, and prints what
    masks the values in the logs.
    """
    session.as_json(form == "json")
    file = _github_file() if form == "github" else ""
    variables = gather(session.settings(), everything=everything, with_token=with_token)
    if session.report is not None:
        session.report.update(variables.values)
        return session.finish()
    if form != "shell":
        _check_text(variables)
    click.echo(FORMATS[form](variables), nl=False)
    if file:
        _append(file, variables)
    return None


def _check_text(variables: Variables) -> None:
    for name in variables.values:
        if any("\ud800" <= character <= "\udfff" for character in variables.text(name)):
            raise MalformedSecret(f"{name}: holds bytes that are no UTF-8, as this format must be", hint="use shell")


def _github_file() -> str:
    file = os.environ.get("GITHUB_ENV")
    if not file:
        raise ConfigurationError("GITHUB_ENV: not set", hint="--format github is for a step of GitHub Actions")
    return file


def _append(path: str, variables: Variables) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with open(descriptor, "ab") as file:
            # Another step's last line may lack its end.
            if file.tell() and os.pread(descriptor, 1, file.tell() - 1) != b"\n":
                file.write(b"\n")
            file.write(_github_entries(variables))
    except OSError as error:
        raise ConfigurationError(f"GITHUB_ENV {path}: {os.strerror(error.errno or 0)}") from None
