"""The secret as others read it: each time over a new connection, patiently, compared field for field."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import AccessDenied, ConfigurationError, SecretNotFound, StoreUnavailable
from mpesa_secrets.stores import StoreDoor

PAUSES = (0.2, 0.5, 1.0)  # seconds before another try at a store that did not answer


def same_fields(one: Secret, other: Secret) -> bool:
    """Whether two secrets hold the same fields with the same types: 1, 1.0 and true are three things."""
    return _canonical(one) == _canonical(other)


def _canonical(secret: Secret) -> str:
    return json.dumps(dict(secret.fields), sort_keys=True, default=repr)


class Reader:
    """Reads a store past every connection, cache and login that was used before.

    Args:
        door: the store.
        timeout: seconds for each read.
        sleep: waits so many seconds.
    """

    def __init__(self, door: StoreDoor, timeout: float, sleep: Callable[[float], None] = time.sleep) -> None:
        self._door = door
        self._timeout = timeout
        self._sleep = sleep

    def once(self) -> Secret:
        """The secret as an application reads it that starts now."""
        return self._anew(lambda door: door.read(self._timeout, fresh=True))

    def now(self) -> Secret:
        """The same, insisted on."""
        return self.insist(self.once)

    def version(self, version: str) -> Secret:
        """The secret at one version, insisted on."""

        def read(door: StoreDoor) -> Secret:
            secret: Secret = door.call("read_version", version, timeout=self._timeout)
            return secret

        return self.insist(lambda: self._anew(read))

    def insist(self, read: Callable[[], Secret]) -> Secret:
        """Reading changes nothing, so a store that does not answer, or not yet, is asked again."""
        for pause in PAUSES:
            try:
                return read()
            except (StoreUnavailable, SecretNotFound):
                self._sleep(pause)
        return read()

    def _anew(self, read: Callable[[StoreDoor], Secret]) -> Secret:
        """Over a new connection; over the old one where the login works once only, as Vault's single-use secret ids."""
        try:
            return read(self._door.reopened())
        except (AccessDenied, ConfigurationError):
            return read(self._door)
