"""The contract of a token cache, and the door through which the core uses one.

A cache is whatever the callable of an entry point in the group `mpesa_secrets.token_caches` returns for a URL; None
means that nothing is shared. It keeps one small entry under each key, and one lease beside it:

    load                 the entry as it is now
    lease, renew         the right to replace it, for a while; each new lease has a higher number than all before
    store, release       end the lease, with a new entry or without

A holder that was paused beyond its lease must not overwrite what its successor stored: `store` does nothing once a
later lease was given. Entries are sealed by the core: a cache sees neither token nor secret.

Every method takes `timeout`, the seconds left for it, and raises the errors of `mpesa_secrets.errors`:
StoreUnavailable, AccessDenied or StoreError where the cache cannot serve now, ConfigurationError where a setting is
wrong. The core names the cache before it shows them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any, Protocol, TypeVar

from mpesa_secrets import plugins
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import ConfigurationError, MpesaSecretsError, StoreError, StoreUnavailable
from mpesa_secrets.flights import bounded, importing
from mpesa_secrets.stores import place_of
from mpesa_secrets.urls import Url, redacted

T = TypeVar("T")

METHODS = ("load", "lease", "renew", "store", "release")
HOLD_OFF = 5.0  # seconds in which a cache that failed is left alone
QUIET = 60.0  # seconds between two warnings

log = logging.getLogger("mpesa_secrets")


class TokenCache(Protocol):
    """A place that many processes share."""

    def load(self, key: str, timeout: float) -> bytes | None:
        """The newest entry, whoever stored it; None where there is none."""
        ...

    def lease(self, key: str, seconds: float, timeout: float) -> int | None:
        """The right to replace the entry, for so many seconds; None while somebody else has it.

        Returns:
            The fencing number: higher than that of every lease before.
        """
        ...

    def renew(self, key: str, fence: int, seconds: float, timeout: float) -> bool:
        """Let the lease end so many seconds from now; False, and nothing done, if a later one was given."""
        ...

    def store(self, key: str, entry: bytes, expires_at: float, fence: int, timeout: float) -> bool:
        """Replace the entry and end the lease; False, and nothing done, if a later lease was given.

        Args:
            key: what the lease is for.
            entry: a few hundred bytes.
            expires_at: unix seconds from which on the entry may be thrown away.
            fence: the lease's number. That the lease's time is over does no harm by itself.
            timeout: seconds left.
        """
        ...

    def release(self, key: str, fence: int, timeout: float) -> None:
        """End the lease and keep the entry; does nothing if a later lease was given."""
        ...


class CacheDoor:
    """A token cache as the core uses it: found at once, opened late, foreign errors translated.

    Args:
        url: the cache's URL.

    Raises:
        ConfigurationError: no plugin for the scheme, or two.
    """

    def __init__(self, url: str) -> None:
        url = Url(url)  # rebound at once: a traceback with locals shows a Url without its password
        self._url = url
        self._cache: Any = None
        self._opened = False
        self._entry: EntryPoint = plugins.find(plugins.TOKEN_CACHES, url, "MPESA_TOKEN_CACHE")

    def __repr__(self) -> str:
        return f"CacheDoor({self.name})"

    @property
    def name(self) -> str:
        """The URL, fit to be shown."""
        return redacted(self._url)

    def cache(self) -> Any:
        """The plugin's cache, made at the first call; None where nothing is shared.

        Raises:
            ConfigurationError: the plugin, a package of its or the URL is not as it must be.
        """
        if not self._opened:
            with importing:
                self._cache = self._checked(self._guarded(lambda: plugins.load(self._entry)(self._url)))
            self._opened = True
        return self._cache

    def call(self, method: str, *arguments: object, timeout: float) -> Any:
        """Call one of the cache's methods; what it raises is one of ours."""
        return self._guarded(lambda: getattr(self.cache(), method)(*arguments, timeout=timeout))

    def _checked(self, cache: Any) -> Any:
        if cache is None:
            return None
        for method in METHODS:
            if not callable(getattr(cache, method, None)):
                raise ConfigurationError(
                    f"{self.name}: the plugin's cache has no {method}()", hint="report it to the plugin's author"
                )
        try:
            import cryptography.hazmat.primitives.ciphers.aead  # noqa: F401  what sealing stands on
        except ModuleNotFoundError:
            raise ConfigurationError(
                f"token cache {self.name}: the package cryptography is not installed",
                hint="pip install 'mpesa-secrets[shared]'",
            ) from None
        return cache

    def _guarded(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except MpesaSecretsError as error:
            failure: MpesaSecretsError = error
        except ModuleNotFoundError as error:
            failure = plugins.missing_package(self._entry, error)
        except Exception as error:
            # Its text may hold a password, so only the class and the place are told.
            failure = StoreError(
                f"the plugin failed with {type(error).__name__} {place_of(error)}",
                hint="report it to the plugin's author",
            )
        # Without the frames of the plugin, which have the URL at hand.
        raise failure.with_traceback(None)


class CacheDown(Exception):
    """The cache cannot serve now: go on without it. Never reaches a caller of the library."""


class PatientDoor:
    """A token cache that may fail: it is asked briefly, and left alone for a while once it has failed.

    Args:
        door: the cache.
        monotonic: seconds.
    """

    def __init__(self, door: CacheDoor, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._door = door
        self._monotonic = monotonic
        self._ask_again = self._warn_again = 0.0
        self._down = False
        self._warm = False

    def ask(self, method: str, *arguments: object, patience: float) -> Any:
        """Call a method of the cache.

        Raises:
            CacheDown: it fails, takes longer than `patience` seconds, or failed a moment ago.
            ConfigurationError: as `CacheDoor.cache`.
        """
        if self._door.cache() is None or self._monotonic() < self._ask_again:
            raise CacheDown
        # The first answer takes connecting and a login, too.
        patience = patience if self._warm else 2 * patience
        try:
            answer = bounded(
                lambda left: self._door.call(method, *arguments, timeout=left.left()), Deadline(patience), self._overdue
            )
        except ConfigurationError:
            raise
        except MpesaSecretsError as error:
            self._ask_again = self._monotonic() + HOLD_OFF
            self._down = True
            self.warn(f"{error}; this process goes on with its own copy")
            raise CacheDown from None
        self._warm = True
        if self._down:
            self._down = False
            log.info("token cache %s: is back", self._door.name)
        return answer

    def warn(self, complaint: str) -> None:
        """Log a warning, unless one was logged a moment ago."""
        if self._monotonic() >= self._warn_again:
            self._warn_again = self._monotonic() + QUIET
            log.warning("token cache %s: %s", self.name, complaint)

    @property
    def name(self) -> str:
        """The URL, fit to be shown."""
        return self._door.name

    def _overdue(self) -> MpesaSecretsError:
        return StoreUnavailable("no answer in time")
