"""The contract of a store, and the door through which the core uses one.

A store is whatever the callable of an entry point in the group `mpesa_secrets.backends` returns for a URL.
It must have `read`. Each further ability is a method that it has or has not; nothing raises NotImplementedError:

    read                                      an application can use it
    reread                                    it reads past caches on the way (else `read` is used)
    history                                   `status` shows where the pair stands
    write, read_version, history              `rotate` and `rollback` work (WritableStore)
    promote, discard                          a write is invisible until promoted (StagingStore)
    annotate                                  who, when and fingerprint are left in the store
    remarks                                   what an operator should know before writing

Every method takes `timeout`, the seconds left for it, raises the errors of `mpesa_secrets.errors`, and keeps
secrets out of their texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from mpesa_secrets import plugins
from mpesa_secrets.credentials import Credentials, PairFields, Secret
from mpesa_secrets.entries import Entry
from mpesa_secrets.errors import ConfigurationError, MpesaSecretsError, StoreError
from mpesa_secrets.flights import importing
from mpesa_secrets.urls import Url, parameter, redacted

T = TypeVar("T")


class Version(NamedTuple):
    """One state of a secret that the store still knows.

    Attributes:
        version: the store's name for it.
        created_at: unix seconds, or None where the store does not say.
        state: `current`, `previous`, `pending`, `superseded`, `deleted` or `destroyed`.
    """

    version: str
    created_at: float | None
    state: str


class Store(Protocol):
    """A store that can be read."""

    def read(self, timeout: float) -> Secret:
        """The secret as it is now."""
        ...


@runtime_checkable
class WritableStore(Protocol):
    """A store whose secret can be replaced, and whose earlier states can be read."""

    def read(self, timeout: float) -> Secret:
        """The secret as it is now."""
        ...

    def write(self, secret: Secret, timeout: float) -> str | None:
        """Replace what is stored by `secret.fields`, if `secret.version` is still the current version.

        All or nothing: readers see the old fields or the new ones. Returns the new version, or None from a
        store that has no versions.

        Raises:
            Conflict: another version is current now; nothing was changed.
            StoreError: anything else; the caller finds out what was written by reading.
        """
        ...

    def read_version(self, version: str, timeout: float) -> Secret:
        """The secret at one version; SecretNotFound where the store has it no more."""
        ...

    def history(self, timeout: float) -> Sequence[Version]:
        """The versions that the store knows, the newest first; none from a store without versions."""
        ...


@runtime_checkable
class StagingStore(WritableStore, Protocol):
    """A store in which a written version stays unseen by readers until it is promoted."""

    def promote(self, version: str, expected: str, timeout: float) -> None:
        """Let readers see `version`, if `expected` is what they see now; Conflict if it is not."""
        ...

    def discard(self, version: str, timeout: float) -> None:
        """Unstage a version that was written and is not to be promoted; quiet if it is staged no more."""
        ...


class StoreDoor:
    """A store as the core uses it: found at once, opened late, foreign errors translated.

    Args:
        url: the store's URL.

    Raises:
        ConfigurationError: no plugin for the scheme, or two.
    """

    def __init__(self, url: str) -> None:
        url = Url(url)  # rebound at once: a traceback with locals shows a Url without its password
        self.url = url
        self.pair_fields = PairFields(parameter(url, "key_field"), parameter(url, "secret_field"))
        self._entry: Entry = plugins.find(plugins.STORES, url, "MPESA_SECRETS_URL")
        self._store: Any = None

    def __repr__(self) -> str:
        return f"StoreDoor({self.name})"

    @property
    def name(self) -> str:
        """The URL, fit to be shown."""
        return redacted(self.url)

    def reopened(self) -> StoreDoor:
        """The same store through a new connection."""
        return StoreDoor(self.url)

    def store(self) -> Any:
        """The plugin's store, made at the first call.

        Raises:
            ConfigurationError: the plugin, a package of its or the URL is not as it must be.
        """
        if self._store is None:
            with importing:
                opened = self._guarded(lambda: plugins.load(self._entry)(self.url))
            if not callable(getattr(opened, "read", None)):
                raise ConfigurationError(
                    f"{self.name}: the plugin's store has no read()", hint="report it to the plugin's author"
                )
            self._store = opened
        return self._store

    def can(self, *methods: str) -> bool:
        """Whether the store has all these methods."""
        return all(callable(getattr(self.store(), method, None)) for method in methods)

    def call(self, method: str, *arguments: object, timeout: float) -> Any:
        """Call one of the store's methods; what it raises is one of ours."""
        return self._guarded(lambda: getattr(self.store(), method)(*arguments, timeout=timeout))

    def read(self, timeout: float, *, fresh: bool = False) -> Secret:
        """The secret; `fresh` reads past caches on the way to the store, where the store can.

        Raises:
            StoreError, ConfigurationError: as the plugin says.
        """
        secret = self.call("reread" if fresh and self.can("reread") else "read", timeout=timeout)
        if not isinstance(secret, Secret) or not isinstance(secret.fields, Mapping):
            raise StoreError(f"{self.name}: the plugin returned no Secret", hint="report it to the plugin's author")
        return secret

    def credentials(self, timeout: float, *, fresh: bool = False) -> Credentials:
        """The pair; raises what `read` and `PairFields.find` raise, naming the store."""
        return self.pair(self.read(timeout, fresh=fresh))

    def pair(self, secret: Secret) -> Credentials:
        """The pair in a secret of this store, by the names that the URL gives."""
        try:
            return self.pair_fields.credentials(secret)
        except StoreError as error:
            raise type(error)(f"{self.name}: {error}", hint=error.hint) from None

    def _guarded(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except MpesaSecretsError:
            raise
        except ModuleNotFoundError as error:
            raise plugins.missing_package(self._entry, error) from None
        except (Exception, SystemExit) as error:
            # Its text may hold a secret, so only the class and the place are told.
            raise StoreError(
                f"{self.name}: the plugin failed with {type(error).__name__} {place_of(error)}",
                hint="report it to the plugin's author",
            ) from None


def place_of(error: BaseException) -> str:
    """Module and line that an exception was raised at, for lines that must not show its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "somewhere"
    return f"at {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}"
