"""`mpesa-secrets exec`."""

from __future__ import annotations

from collections.abc import Sequence

import click

from mpesa_secrets.commands.becoming import become
from mpesa_secrets.commands.session import Session, command as _command
from mpesa_secrets.commands.spans import seconds


@_command("exec", context_settings={"allow_interspersed_args": False})
@click.option("--pristine", is_flag=True, help="Start from an empty environment but PATH, HOME, LANG and TZ.")
@click.option("--all", "everything", is_flag=True, help="Add every other scalar field of the secret as MPESA_<FIELD>.")
@click.option("--with-token", is_flag=True, help="Add an access token as MPESA_ACCESS_TOKEN.")
@click.option("--retry-for", callback=seconds, metavar="SPAN", help="Wait for a store that is down, 30s for example.")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD [ARG]...")
def command(
    session: Session, pristine: bool, everything: bool, with_token: bool, retry_for: float | None, words: Sequence[str]
) -> int:
    """Run a command with the pair in its environment.

    MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET are set, and the command takes this process over: its exit code
    and its signals are its own. Exit codes of ours: 125, nothing was started; 126, the command cannot be run;
    127, there is no such command.
    """
    return become(
        words,
        session.settings,
        pristine=pristine,
        everything=everything,
        with_token=with_token,
        retry_for=retry_for or 0.0,
    )
