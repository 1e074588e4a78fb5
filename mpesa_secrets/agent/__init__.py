"""A small local server that hands out the token to programs in other languages, and may keep it in a file.

It answers on loopback or on a Unix socket. A page in a browser on the same machine must not get the token: `/token`
wants a header that browsers cannot send to another origin, and a name in Host that can only be this machine.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mpesa_secrets.agent.answering import Answers
from mpesa_secrets.agent.keeping import Keeper
from mpesa_secrets.agent.listening import Address, Listener
from mpesa_secrets.client import Mpesa

__all__ = ["Address", "serve"]


async def serve(
    mpesa: Mpesa, address: Address, sink: Path | None = None, tell: Callable[[str], object] = lambda _: None
) -> signal.Signals:
    """Serve until SIGTERM or SIGINT comes, and say which of the two it was.

    Args:
        mpesa: has the token.
        address: where to listen.
        sink: a file to keep the token in, or None.
        tell: hears where it listens, once it does.

    Raises:
        ConfigurationError: the address or the file cannot be used.
    """
    loop = asyncio.get_running_loop()
    stopped: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.put_nowait, number)
    keeper = Keeper(mpesa, sink)
    async with Listener(address, Answers(mpesa, keeper).answer) as listener:
        tell(listener.where)
        keeping = asyncio.create_task(keeper.run())
        waiting = asyncio.create_task(stopped.get())
        await asyncio.wait((keeping, waiting), return_when=asyncio.FIRST_COMPLETED)
        keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping  # raises what it ended with, if it was not we who ended it
    return waiting.result()
