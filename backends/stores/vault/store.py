"""A secret in Vault or OpenBao, through hvac."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import SecretNotFound
from mpesa_secrets.flights import start_over_after_fork
from mpesa_secrets.stores import Version
from mpesa_secrets.urls import redacted

from . import Target
from .client import Vault
from .http import Operation, VaultApi
from .kv import Engine
from .login import method_of
from .mounts import find
from .server import Server


class VaultStore:
    """A secret in Vault. The login and what is known of the mount are kept; may be used from many threads.

    Args:
        url: `vault://MOUNT/PATH`; the server and the login come from the `VAULT_*` variables.
        target: what the URL says of the place.

    Raises:
        ConfigurationError: the URL or a variable cannot be right. Nothing is asked of Vault yet.
    """

    def __init__(self, url: str, target: Target) -> None:
        self._name = redacted(url)
        self._target = target
        self._server = Server.from_environment()
        self._method = method_of(url)
        self.start_over()
        start_over_after_fork(self)

    def __repr__(self) -> str:
        return f"VaultStore({self._name})"

    def start_over(self) -> None:
        """Forget connections and login: after a fork the first are shared, the lock may be held for ever."""
        self._vault = Vault(VaultApi(self._name, self._server), self._method)
        self._engine: Engine | None = None

    def read(self, timeout: float) -> Secret:
        """The secret as it is now; its version is KV version 2's number, None in version 1.

        Raises:
            SecretNotFound: nothing there, or its current version is deleted.
            AccessDenied, StoreUnavailable, MalformedSecret, ConfigurationError: as they say.
        """
        operation = Operation(timeout)
        try:
            return self._found(operation).read(operation)
        except SecretNotFound:
            self._engine = None  # the mount may have become another
            raise

    def read_version(self, version: str, timeout: float) -> Secret:
        """The secret at one version of KV version 2."""
        operation = Operation(timeout)
        return self._found(operation).read_version(version, operation)

    def history(self, timeout: float) -> Sequence[Version]:
        """The versions in Vault's metadata, the newest first; none in KV version 1."""
        operation = Operation(timeout)
        return self._found(operation).history(operation)

    def write(self, secret: Secret, timeout: float) -> str | None:
        """Replace the secret, in KV version 2 if `secret.version` is current (None: if there is none yet).

        It is sent once: after a StoreUnavailable nobody knows whether it was done.
        """
        operation = Operation(timeout)
        return self._found(operation).write(secret, operation)

    def annotate(self, note: Mapping[str, str], timeout: float) -> None:
        """Merge a note into the secret's custom metadata; KV version 1 has no room for it and takes none."""
        operation = Operation(timeout)
        self._found(operation).annotate(note, operation)

    def remarks(self, timeout: float) -> Sequence[str]:
        """What an operator should know before writing, a line each."""
        operation = Operation(timeout)
        return [*self._server.remarks(), *self._found(operation).remarks(operation)]

    def _found(self, operation: Operation) -> Engine:
        engine = self._engine
        if engine is None:
            engine = self._engine = find(self._vault, self._target, operation)
        return engine
