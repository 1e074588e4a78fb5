"""One token for a fleet: whoever has the lease asks Daraja, the others take what it stored.

    look → there is a good token: take it
         → lease → look again → ask Daraja → store           (one process)
         → no lease: poll until an entry comes, or the lease is free, or the time is up   (the others)

A failure is stored too, for those who were waiting when it happened. A cache that is down is done without.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Callable

from mpesa_secrets.caches import CacheDoor
from mpesa_secrets.clocks import CLOCKS, Clocks
from mpesa_secrets.credentials import Credentials
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import DarajaError, DarajaUnavailable, MpesaSecretsError
from mpesa_secrets.fetching import TokenFetcher
from mpesa_secrets.flights import Flight, SingleFlight
from mpesa_secrets.patience import CacheDown, PatientDoor
from mpesa_secrets.sealing import Entry
from mpesa_secrets.settings import Settings
from mpesa_secrets.slots import Seen, Slot, Wish, issued
from mpesa_secrets.tokens import GRACE, AccessToken

LEASE = 5.0  # seconds, and never more than a quarter of the time-out: others must have time to step in
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5  # seconds between two looks of those who wait
LEASE_TRIES = 1.0  # seconds between two tries of theirs to get the lease, and never more than it lasts

log = logging.getLogger("mpesa_secrets")


class Shared:
    """Exchanges a pair for the token that all processes share.

    Args:
        fetcher: asks Daraja.
        door: the token cache.
        base_url: Daraja's address, which the cache's keys begin with.
        timeout: seconds that one token may take; the lease is cut to it.
        clocks: seconds, monotonic and wall. Tokens end by the wall clock, so the machines' clocks must agree.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        fetcher: TokenFetcher,
        door: CacheDoor,
        base_url: str,
        timeout: float,
        clocks: Clocks = CLOCKS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._fetcher = fetcher
        self._cache = PatientDoor(door, clocks.monotonic)
        self._base_url = base_url
        self._timeout = timeout
        self._lease = min(LEASE, timeout / 4)
        self._wall = clocks.wall
        self._sleep = sleep
        self._unshared: AccessToken | None = None

    def exchange(
        self,
        credentials: Credentials,
        refused: AccessToken | None,
        deadline: Deadline,
        held: AccessToken | None = None,
    ) -> AccessToken:
        """A token other than the refused one and than the ageing one that the caller holds.

        Raises:
            DarajaError: of this process, or of the one that it waited for.
            ConfigurationError: the cache's plugin, a package of its or its URL is not as it must be.
        """
        slot = self._slot(credentials, deadline)
        if refused is not None and refused == self._unshared:
            # Got alone, and taken away by the others: whoever insists takes theirs away. The cache may be back soon.
            self._sleep(min(self._cache.rest(), deadline.left() / 4))
        for _ in range(2):
            with contextlib.suppress(CacheDown):
                return self._through_the_cache(slot, self._wish(refused, held))
            # To go alone takes the others' token away: where the cache was slow and there is time, it is asked again.
            if self._cache.rest() > 0 or deadline.left() < self._timeout / 2:
                break
        token = self._unshared = self._fetcher.fetch(credentials, deadline)
        return token

    def peek(self, credentials: Credentials, known: AccessToken, deadline: Deadline) -> AccessToken | None:
        """The token that others share by now, if it follows the known one; at once, and without an error."""
        with contextlib.suppress(CacheDown, MpesaSecretsError):
            return self._wish(known, None).granted(self._slot(credentials, deadline).look())
        return None

    def share(self, credentials: Credentials, token: AccessToken, deadline: Deadline) -> bool:
        """Let the others have a token that was got elsewhere, unless they have a later one; whether it was stored.

        Raises:
            CacheDown: the cache cannot take it.
            ConfigurationError: as `exchange`.
        """
        slot = self._slot(credentials, deadline)
        while not deadline.over():
            present = slot.look().entry.token
            if present is not None and issued(present) >= issued(token):
                return False
            fence = slot.lease(self._lease)
            if fence is not None:
                return slot.store(Entry(token), fence)
            self._sleep(random.uniform(0.5, 1.0) * FIRST_PAUSE)
        return False

    def _slot(self, credentials: Credentials, deadline: Deadline) -> Slot:
        return Slot(self._cache, self._base_url, credentials, deadline, self._wall)

    def _wish(self, refused: AccessToken | None, held: AccessToken | None) -> Wish:
        return Wish(refused, held, self._unshared, self._wall)

    def _through_the_cache(self, slot: Slot, wish: Wish) -> AccessToken:
        first = seen = slot.look()
        pause, next_try = FIRST_PAUSE, slot.deadline.left()
        while (token := wish.granted(seen)) is None:
            _raise_news(seen, first)
            if slot.deadline.left() <= next_try:
                next_try = slot.deadline.left() - min(LEASE_TRIES, self._lease)
                fence = slot.lease(self._lease)
                if fence is not None:
                    return self._lead(slot, fence, wish, first)
            if slot.deadline.over():
                raise self._overdue()
            self._sleep(min(random.uniform(0.5, 1.0) * pause, slot.deadline.left()))
            pause = min(2 * pause, LONGEST_PAUSE)
            seen = slot.look()
        return token

    def _lead(self, slot: Slot, fence: int, wish: Wish, first: Seen) -> AccessToken:
        """Ask Daraja on behalf of all, unless somebody did between the look and the lease."""
        seen = slot.look()
        token = wish.granted(seen)
        if token is not None or _news(seen, first):
            slot.release(fence)
        _raise_news(seen, first)
        if token is not None:
            return token
        # Not a daemon: what Daraja gives must reach the others before this process ends.
        flights: SingleFlight[AccessToken] = SingleFlight(self._overdue, daemon=False, grace=GRACE)
        flight = flights.join(lambda _: self._fetch(slot, fence, wish, seen), slot.deadline)
        self._hold(slot, fence, flight)
        return flights.wait(flight)

    def _hold(self, slot: Slot, fence: int, flight: Flight[AccessToken]) -> None:
        """Renew the lease for as long as the call takes."""
        while not flight.abandoned():
            with contextlib.suppress(TimeoutError):
                flight.future.exception(min(self._lease / 3, flight.deadline.left()))
            if not flight.abandoned() and not slot.renew(fence, self._lease):
                return

    def _fetch(self, slot: Slot, fence: int, wish: Wish, seen: Seen) -> AccessToken:
        try:
            token = self._fetcher.fetch(slot.credentials, slot.deadline)
        except DarajaError as error:
            with contextlib.suppress(CacheDown):
                slot.store(Entry(wish.worth_keeping(seen), error), fence)
            raise
        except BaseException:
            slot.release(fence)
            raise
        return self._handed_over(slot, fence, wish, token)

    def _handed_over(self, slot: Slot, fence: int, wish: Wish, token: AccessToken) -> AccessToken:
        with contextlib.suppress(CacheDown):
            if slot.store(Entry(token), fence):
                return token
            # This process was paused for longer than its lease: as the last token wins, its successor's counts.
            later = wish.granted(slot.look())
            if later is not None:
                return later
        self._unshared = token
        return token

    def _overdue(self) -> MpesaSecretsError:
        return DarajaUnavailable(
            f"no token within {self._timeout:g} s, from Daraja or from the process that was asking it",
            hint="try later, or raise MPESA_TIMEOUT",
        )


def _news(seen: Seen, first: Seen) -> bool:
    """Whether a failure came since the first look."""
    return seen.entry.failure is not None and seen.sealed != first.sealed


def _raise_news(seen: Seen, first: Seen) -> None:
    if seen.entry.failure is not None and _news(seen, first):
        raise seen.entry.failure


def shared(settings: Settings, fetcher: TokenFetcher, clocks: Clocks = CLOCKS) -> Shared:
    """The exchange for the settings' token cache; raises ConfigurationError for an unknown scheme. Does no I/O."""
    return Shared(fetcher, CacheDoor(settings.token_cache), settings.base_url, settings.timeout, clocks)


def share(settings: Settings, credentials: Credentials, token: AccessToken) -> bool:
    """Put a token that was just got from Daraja into the token cache; whether it is there.

    Never raises: the token is good without a cache, too. What is in the way is logged.
    """
    try:
        exchange = shared(settings, TokenFetcher(settings.base_url, settings.token_method))
        return exchange.share(credentials, token, Deadline(settings.timeout).at_most(2 * LEASE))
    except CacheDown:
        return False
    except MpesaSecretsError as error:
        log.warning("the token is not in the token cache: %s", error)
        return False
