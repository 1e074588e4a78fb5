"""`mpesa-secrets token`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import click

from mpesa_secrets.commands.session import Session, command as _command
from mpesa_secrets.tokens import AccessToken

FORMATS: dict[str, Callable[[AccessToken], str]] = {
    "raw": lambda token: token.value,
    "header": lambda token: f"Authorization: {token.header}",
    "json": lambda token: json.dumps(as_json(token)),
    "shell": lambda token: f"export MPESA_ACCESS_TOKEN={quoted(token.value)}",
}


def as_json(token: AccessToken) -> dict[str, object]:
    """What --format json prints; `expires_in` counts from now, in seconds."""
    expires_in = max(0, int(token.expires_at - time.time()))
    return {"access_token": token.value, "expires_at": int(token.expires_at), "expires_in": expires_in}


def quoted(value: str) -> str:
    """The value in single quotes, whatever it holds, for any POSIX shell."""
    return "'" + value.replace("'", "'\\''") + "'"


@_command("token")
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="raw", show_default=True)
def command(session: Session, form: str) -> None:
    """Print a valid access token.

    --format header gives a line for `curl -H`.
    """
    session.as_json(form == "json")
    token = session.mpesa().token()
    click.echo(FORMATS[form](token))
