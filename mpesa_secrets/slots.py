"""One pair's slot in a token cache: what lies in it, sealed, the lease on it, and what is wanted of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from mpesa_secrets.credentials import Credentials
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.patience import CacheDown, PatientDoor
from mpesa_secrets.sealing import Entry, place, seal, unseal
from mpesa_secrets.tokens import AccessToken

FAILURE_KEPT = 60.0  # seconds that an entry without a token is of any use


class Seen(NamedTuple):
    """An entry as it lay in the cache, which tells one from the next, and what is in it."""

    sealed: bytes | None
    entry: Entry


class Slot:
    """A pair's slot, for one errand.

    Args:
        cache: the token cache.
        base_url: Daraja's address.
        credentials: the pair, which the entries are sealed with.
        deadline: of the errand.
        wall: unix seconds.

    Every method raises CacheDown, and ConfigurationError as the cache does.
    """

    def __init__(
        self,
        cache: PatientDoor,
        base_url: str,
        credentials: Credentials,
        deadline: Deadline,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._cache = cache
        self._key = place(base_url, credentials)
        self._wall = wall
        self.credentials = credentials
        self.deadline = deadline

    def look(self) -> Seen:
        """What is there now; an entry that cannot be opened counts as none, with a warning."""
        sealed = self._ask("load")
        if sealed is None:
            return Seen(None, Entry())
        entry = unseal(sealed, self.credentials, self._key)
        if entry is None:
            self._cache.warn("holds an entry that is not ours; it will be replaced")
        return Seen(sealed, entry or Entry())

    def lease(self, seconds: float) -> int | None:
        """A lease, or None while somebody else has it."""
        fence: int | None = self._ask("lease", seconds)
        return fence

    def renew(self, fence: int, seconds: float) -> bool:
        """Whether the lease goes on; while the cache is down, it does not."""
        with contextlib.suppress(CacheDown):
            return bool(self._ask("renew", fence, seconds))
        return False

    def release(self, fence: int) -> None:
        """End the lease, if the cache can be reached."""
        with contextlib.suppress(CacheDown):
            self._ask("release", fence)

    def store(self, entry: Entry, fence: int) -> bool:
        """Whether the entry is there now; not if a later lease was given."""
        until = entry.token.expires_at if entry.token else self._wall() + FAILURE_KEPT
        return bool(self._ask("store", seal(entry, self.credentials, self._key), until, fence))

    def _ask(self, method: str, *arguments: object) -> Any:
        return self._cache.ask(method, self._key, *arguments, deadline=self.deadline)


class Wish:
    """Which token is wanted: one that is good, and later than those that are known.

    Args:
        refused: a token that Daraja refused.
        held: the ageing token that the caller goes on with meanwhile.
        unshared: the last token that did not reach the cache.
        wall: unix seconds.
    """

    __slots__ = ("_known", "_refused", "_unshared", "_wall")

    def __init__(
        self,
        refused: AccessToken | None,
        held: AccessToken | None,
        unshared: AccessToken | None,
        wall: Callable[[], float],
    ) -> None:
        self._refused = refused
        self._known = [token for token in (refused, held) if token is not None]
        self._unshared = unshared
        self._wall = wall

    def granted(self, seen: Seen) -> AccessToken | None:
        """The token, if it is as wanted."""
        token = seen.entry.token
        if token is None or not self._lasts(token) or not all(self._follows(token, known) for known in self._known):
            return None
        return token

    def worth_keeping(self, seen: Seen) -> AccessToken | None:
        """The token, if it is good for those who do not know it yet."""
        token = seen.entry.token
        return token if token is not None and token != self._refused and self._lasts(token) else None

    def _lasts(self, token: AccessToken) -> bool:
        return self._wall() < token.expires_at

    def _follows(self, token: AccessToken, known: AccessToken) -> bool:
        # The cache's is the newest token there is, but for one that did not reach it.
        return token != known and (known != self._unshared or issued(token) > issued(known))


def issued(token: AccessToken) -> float:
    """Unix seconds."""
    return token.expires_at - token.lifetime
