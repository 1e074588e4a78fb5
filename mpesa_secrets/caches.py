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

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from mpesa_secrets import plugins
from mpesa_secrets.entries import Entry
from mpesa_secrets.errors import ConfigurationError, MpesaSecretsError, StoreError
from mpesa_secrets.flights import importing, start_over_after_fork
from mpesa_secrets.stores import place_of
from mpesa_secrets.urls import Url, redacted

T = TypeVar("T")

METHODS = ("load", "lease", "renew", "store", "release")


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

    Attributes:
        opened: whether the plugin's cache has been made.

    Raises:
        ConfigurationError: no plugin for the scheme, or two.
    """

    def __init__(self, url: str) -> None:
        url = Url(url)  # rebound at once: a traceback with locals shows a Url without its password
        self._url = url
        self._entry: Entry = plugins.find(plugins.TOKEN_CACHES, url, "MPESA_TOKEN_CACHE")
        self.start_over()
        start_over_after_fork(self)

    def start_over(self) -> None:
        """Open it anew: a forked child shares no connection with its parent."""
        self._cache: Any = None
        self.opened = False

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
        if not self.opened:
            with importing:
                self._cache = self._checked(self._guarded(lambda: plugins.load(self._entry)(self._url)))
            self.opened = True
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
        except (Exception, SystemExit) as error:
            # Its text may hold a password, so only the class and the place are told.
            failure = StoreError(
                f"the plugin failed with {type(error).__name__} {place_of(error)}",
                hint="report it to the plugin's author",
            )
        # Without the frames of the plugin, which have the URL at hand.
        raise failure.with_traceback(None)
