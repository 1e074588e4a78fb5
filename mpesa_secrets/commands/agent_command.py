"""`mpesa-secrets agent`."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click

from mpesa_secrets.commands.session import Session, command as _command

PORT = 7780


@_command("agent")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="On 127.0.0.1; 0: any.")
@click.option("--socket", "path", type=click.Path(path_type=Path), help="Listen on this Unix socket instead.")
@click.option("--sink", type=click.Path(path_type=Path), help="Keep the token in this file, too (mode 0600).")
def command(session: Session, port: int, path: Path | None, sink: Path | None) -> int:
    """Serve the token to other programs on this machine.

    GET /token with the header X-Mpesa-Secrets: 1 gives it as JSON, GET /health says how things stand. POST /refused
    with the refused token as Authorization: Bearer (and that header) gives another one.
    """
    from mpesa_secrets.agent import Address, serve

    came = asyncio.run(serve(session.mpesa(), Address(port, path), sink, click.echo))
    return 0 if came is signal.SIGTERM else 130
