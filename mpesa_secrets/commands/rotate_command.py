"""`mpesa-secrets rotate`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from mpesa_secrets.commands.rotating import asking, carry_out, on_a_terminal, take_rotation_options
from mpesa_secrets.commands.session import Session, command as _command, say
from mpesa_secrets.credentials import Credentials
from mpesa_secrets.errors import MalformedPair
from mpesa_secrets.form import mixed_up
from mpesa_secrets.rotation.pairs import NewPair, read_pair


@_command("rotate")
@click.option("--from", "source", metavar="PATH", help="A file with the new pair, JSON or dotenv lines; - for stdin.")
@take_rotation_options
def command(session: Session, source: str | None, **options: bool) -> None:
    """Bring a newly issued pair into the store: verified before anybody reads it, put back if anything goes wrong.

    The new pair comes from a prompt, or from --from; never from an argument.
    """
    if source is None and not on_a_terminal():
        raise click.UsageError("without a terminal the new pair comes with --from PATH, or --from - for stdin")
    new_pair: Callable[[], NewPair] = _asked if source is None else partial(_from, source)
    carry_out(session, lambda rotation: rotation.rotate(new_pair), **options)
    if source not in (None, "-"):
        say(f"{source} holds the secret: remove it")


def _from(source: str) -> NewPair:
    try:
        if source == "-":
            return read_pair(sys.stdin.buffer.read)
        with Path(source).open("rb") as file:
            return read_pair(file.read)
    except OSError as error:
        raise MalformedPair(f"--from {source}: {error.strerror}", hint="name a file with the new pair") from None


def _asked() -> NewPair:
    with asking():
        pair = NewPair(
            Credentials(
                click.prompt("Consumer key", err=True),
                click.prompt("Consumer secret (not shown)", hide_input=True, err=True),
            )
        )
        suspicion = mixed_up(pair.credentials)
        if suspicion:
            click.confirm(f"{suspicion}; go on?", abort=True, err=True)
        return pair
