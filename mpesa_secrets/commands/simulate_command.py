"""`mpesa-secrets simulate`."""

from __future__ import annotations

import os
import re
import signal
from typing import NoReturn

import click

from mpesa_secrets.commands.session import Session, command as _command
from mpesa_secrets.commands.token_command import quoted
from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.simulator import FAULTS, Simulator
from mpesa_secrets.simulator.daraja import METHODS
from mpesa_secrets.simulator.server import DEMO_PAIR


def _list(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo("\n".join(FAULTS))
        context.exit()


def _faults(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> list[tuple[str, int]]:
    """Each `NAME[:TIMES]` as a name and a number."""
    found = []
    for value in values:
        name, _, times = value.partition(":")
        if name not in FAULTS:
            raise click.BadParameter(f"no fault is called {name!r}; --list-faults names them", context, parameter)
        if re.fullmatch(r"|0*[1-9]\d{0,8}", times) is None:
            raise click.BadParameter(f"{value!r}: TIMES is a number from 1 on", context, parameter)
        found.append((name, int(times or 1)))
    return found


@_command("simulate")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="0 takes a free one.")
@click.option("--consumer-key", metavar="KEY", help="The pair to accept; default: a made-up one, which is printed.")
@click.option("--consumer-secret", metavar="SECRET", help="The other half of the pair.")
@click.option("--lifetime", type=click.IntRange(1), default=3599, show_default=True, help="Of a token, in seconds.")
@click.option("--latency", type=click.FloatRange(0), default=0.0, show_default=True, help="Of an answer, in seconds.")
@click.option("--method", type=click.Choice(METHODS), default="GET", show_default=True, help="For token requests.")
@click.option("--keep-old-tokens", is_flag=True, help="A new token leaves the tokens before it alive.")
@click.option("--fault", "faults", multiple=True, callback=_faults, metavar="NAME[:TIMES]",
              help="Spoil the next token requests (default: one); may be repeated.")  # fmt: skip
@click.option("--list-faults", is_flag=True, is_eager=True, expose_value=False, callback=_list,
              help="Print the names of the faults.")  # fmt: skip
def command(
    _session: Session,
    port: int,
    consumer_key: str | None,
    consumer_secret: str | None,
    lifetime: int,
    latency: float,
    method: str,
    keep_old_tokens: bool,
    faults: list[tuple[str, int]],
) -> NoReturn:
    """Run a local Daraja for development and tests, until interrupted.

    The lines that it prints are for `eval`, or to be pasted into another shell.
    """
    if (consumer_key is None) != (consumer_secret is None):
        raise click.UsageError("--consumer-key and --consumer-secret belong together")
    daraja = Simulator(
        *((consumer_key, consumer_secret) if consumer_key and consumer_secret else DEMO_PAIR),
        port=port,
        lifetime=lifetime,
        latency=latency,
        method=method,
        last_token_wins=not keep_old_tokens,
    )
    for name, times in faults:
        daraja.fail(name, times)
    _serve(daraja, port)


def _serve(daraja: Simulator, port: int) -> NoReturn:
    signal.signal(signal.SIGTERM, _end)
    try:
        daraja.start()
    except OSError as error:
        why = os.strerror(error.errno or 0).lower()
        raise ConfigurationError(f"port {port}: {why}", hint="choose another --port, or 0 for a free one") from None
    try:
        _tell(daraja)
        while True:
            signal.pause()
    finally:
        daraja.stop()


def _end(_signal: int, _frame: object) -> None:
    raise click.exceptions.Exit(0)


def _tell(daraja: Simulator) -> None:
    click.echo(f"# A simulated Daraja, until interrupted: {daraja.base_url}")
    click.echo(f"export MPESA_BASE_URL={quoted(daraja.base_url)}")
    # A pair that was given is known to whoever gave it, and may be a real one.
    if (daraja.consumer_key, daraja.consumer_secret) == DEMO_PAIR:
        click.echo(f"export MPESA_CONSUMER_KEY={quoted(daraja.consumer_key)}")
        click.echo(f"export MPESA_CONSUMER_SECRET={quoted(daraja.consumer_secret)}")
