"""Keeping the token fresh whether anybody asks or not, in memory and in a file."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from mpesa_secrets.client import Mpesa
from mpesa_secrets.errors import ConfigurationError, MpesaSecretsError
from mpesa_secrets.tokens import AccessToken

EVERY = 1.0  # seconds; the token comes out of memory nearly each time
AFTER_FAILURE = 5.0

log = logging.getLogger("mpesa_secrets")


class Keeper:
    """Asks for the token again and again.

    Args:
        mpesa: has it.
        sink: a file to keep it in, or None.

    Attributes:
        token: the newest token, or None.
        error: why there is none, or None.

    Raises:
        ConfigurationError: the file's directory cannot be written.
    """

    def __init__(self, mpesa: Mpesa, sink: Path | None) -> None:
        if sink is not None and (sink.is_dir() or not os.access(sink.parent, os.W_OK | os.X_OK)):
            raise ConfigurationError(f"sink {sink}: cannot be written", hint="name a file in a directory of yours")
        self._mpesa = mpesa
        self._sink = sink
        self._written: AccessToken | None = None
        self.token: AccessToken | None = None
        self.error: MpesaSecretsError | None = None

    async def run(self) -> None:
        """Never returns."""
        while True:
            try:
                self.token, self.error = await self._mpesa.token_async(), None
                self._write(self.token)
            except MpesaSecretsError as error:
                self.token, self.error = None, error
                log.warning("no token: %s", error)
            await asyncio.sleep(EVERY if self.error is None else AFTER_FAILURE)

    def _write(self, token: AccessToken) -> None:
        if self._sink is None or token == self._written:
            return
        try:
            replace(self._sink, token)
            self._written = token
        except OSError as error:
            log.warning("sink %s: not written (%s)", self._sink, error.strerror)


def replace(path: Path, token: AccessToken) -> None:
    """Write the token into a file, mode 0600, all at once. Readers see the old token or the new one."""
    draft = path.with_name(f"{path.name}.new")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(file, "w", encoding="utf-8") as writer:
        os.fchmod(file, 0o600)
        writer.write(token.value)
    os.replace(draft, path)
