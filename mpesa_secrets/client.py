"""The library's front door."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mpesa_secrets import plugins
from mpesa_secrets.clocks import CLOCKS, Clocks
from mpesa_secrets.credentials import Credentials
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.fetching import TokenFetcher
from mpesa_secrets.keeping import CredentialsKeeper
from mpesa_secrets.settings import Settings
from mpesa_secrets.sources import PairSource, Unshared
from mpesa_secrets.stores import StoreDoor
from mpesa_secrets.tokens import AccessToken, TokenHolder
from mpesa_secrets.urls import Url

if TYPE_CHECKING:
    from mpesa_secrets.auth import TokenAuth
    from mpesa_secrets.sources import Exchange


class Mpesa:
    """One application's credentials and token. May be used from many threads, tasks and forked processes.

    Args:
        settings: checked settings.
        clocks: seconds, monotonic and wall.

    Raises:
        ConfigurationError: no plugin for the URL of the store or of the token cache.
    """

    def __init__(self, settings: Settings, clocks: Clocks = CLOCKS) -> None:
        self.settings = settings
        self.store = StoreDoor(settings.url)
        self._keeper = CredentialsKeeper(self.store, settings.credentials_ttl, settings.credentials_stale, clocks)
        fetcher = TokenFetcher(settings.base_url, settings.token_method, wall=clocks.wall)
        exchange = _exchange(settings, fetcher, clocks)
        self._holder = TokenHolder(
            PairSource(self._keeper, exchange),
            settings.timeout,
            shared=not isinstance(exchange, Unshared),
            clocks=clocks,
        )
        self._monotonic, self._wall = clocks
        self._auth: TokenAuth | None = None

    def __repr__(self) -> str:
        return f"Mpesa({self.settings!r})"

    def token(self) -> AccessToken:
        """A valid access token, out of memory as long as it is fresh.

        Raises:
            StoreError, DarajaError, ConfigurationError: none is to be had within the time-out.
        """
        token, until, until_wall = self._holder.fresh
        if token is not None and self._monotonic() < until and self._wall() < until_wall:
            return token
        return self._holder.get()

    async def token_async(self) -> AccessToken:
        """The same token out of the same memory; never blocks the event loop."""
        token, until, until_wall = self._holder.fresh
        if token is not None and self._monotonic() < until and self._wall() < until_wall:
            return token
        return await self._holder.get_async()

    def invalidate(self, token: AccessToken) -> None:
        """Say that this token was refused: it is forgotten, unless another has taken its place already."""
        self._holder.invalidate(token)

    def credentials(self) -> Credentials:
        """The pair, read from the store or, within its time, out of memory.

        Raises:
            StoreError, ConfigurationError: it cannot be read.
        """
        return self._keeper.current(Deadline(self.settings.timeout))

    @property
    def auth(self) -> TokenAuth:
        """A requests auth that signs calls to Daraja with the token, and repeats a call whose token was refused."""
        if self._auth is None:
            from mpesa_secrets.auth import TokenAuth

            self._auth = TokenAuth(self, self.settings.base_url, self.settings.api_hosts)
        return self._auth


def _exchange(settings: Settings, fetcher: TokenFetcher, clocks: Clocks) -> Exchange:
    entry = plugins.find(plugins.TOKEN_CACHES, settings.token_cache, "MPESA_TOKEN_CACHE")
    if entry.name == "memory":
        return Unshared(fetcher)
    from mpesa_secrets.sharing import shared

    return shared(settings, fetcher, clocks)


def connect(
    url: str | None = None,
    *,
    environment: str | None = None,
    base_url: str | None = None,
    timeout: float | None = None,
    token_cache: str | None = None,
    token_method: str | None = None,
    credentials_ttl: float | None = None,
    credentials_stale: float | None = None,
    api_hosts: str | Iterable[str] | None = None,
) -> Mpesa:
    """Connect an application to its store and to Daraja. Does no I/O yet.

    Args:
        url: the store, `env://`, `vault://MOUNT/PATH`, `aws://NAME`…; default MPESA_SECRETS_URL, else `env://`.
        environment: `production` or `sandbox`; default MPESA_ENVIRONMENT, else `production`.
        base_url: another host; default MPESA_BASE_URL.
        timeout: seconds for one token, everything included; default MPESA_TIMEOUT, else 20.
        token_cache: where the token is shared; default MPESA_TOKEN_CACHE, else `memory://`.
        token_method: `GET` or `POST`; default MPESA_TOKEN_METHOD, else `GET`.
        credentials_ttl: seconds that credentials are reused; default MPESA_CREDENTIALS_TTL, else 300.
        credentials_stale: seconds beyond that while the store is down; default MPESA_CREDENTIALS_STALE, else 3600.
        api_hosts: further hosts that may be sent the token; default MPESA_API_HOSTS.

    Raises:
        ConfigurationError: a setting is wrong, or nobody serves its scheme.
    """
    # Rebound at once: a traceback with locals shows a Url without its password.
    url, base_url, token_cache = (text and Url(text) for text in (url, base_url, token_cache))
    return Mpesa(
        Settings(
            url,
            environment=environment,
            base_url=base_url,
            timeout=timeout,
            token_cache=token_cache,
            token_method=token_method,
            credentials_ttl=credentials_ttl,
            credentials_stale=credentials_stale,
            api_hosts=api_hosts,
        )
    )
