"""The access token, and the holder that keeps one valid: fresh, ageing, over.

Fresh: handed out, nothing else happens. Ageing (inside the margin before its end): handed out, and one
refresh is under way behind the callers' backs. Over: the callers wait for the refresh, together.
"""

from __future__ import annotations

import contextlib
import logging
import random
import threading
from typing import TYPE_CHECKING, Protocol

from mpesa_secrets.clocks import CLOCKS, Clocks, Moment
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import DarajaUnavailable, MpesaSecretsError
from mpesa_secrets.flights import Flight, SingleFlight, start_over_after_fork

MARGIN = 300.0  # seconds before its end in which a token is refreshed ahead, as azure-core and msal have it
RETRY = 5.0  # seconds after a failed refresh ahead
GRACE = 0.25  # seconds beyond the time-out in which the step that took it may say so itself
LOOK = 1.0  # seconds between two looks at where things stand, inside the margin
HOLD_OFF = 30.0  # seconds after a refresh that brought no later end

log = logging.getLogger("mpesa_secrets")


class AccessToken:
    """An access token, opaque and secret.

    Attributes:
        value: what Daraja issued; never shown by repr, str or format.
        expires_at: unix seconds.
        lifetime: seconds that it was good for when it was issued.
    """

    __slots__ = ("expires_at", "lifetime", "value")

    def __init__(self, value: str, expires_at: float, lifetime: float) -> None:
        self.value = value
        self.expires_at = expires_at
        self.lifetime = lifetime

    @property
    def header(self) -> str:
        """The value of an `Authorization` header."""
        return f"Bearer {self.value}"

    def __repr__(self) -> str:
        return f"AccessToken(expires_at={self.expires_at:.0f})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AccessToken) and self.value == other.value

    def __hash__(self) -> int:
        return hash(self.value)


if TYPE_CHECKING:

    class TokenSource(Protocol):
        """Where the holder's tokens come from."""

        def obtain(
            self, refused: AccessToken | None, deadline: Deadline, held: AccessToken | None = None
        ) -> AccessToken:
            """A token other than the refused one and than the ageing one that is held; raises MpesaSecretsError."""
            ...

        def peek(self, known: AccessToken, deadline: Deadline) -> AccessToken | None:
            """The token that others share by now, if it follows the known one, without waiting; else None."""
            ...


class TokenHolder:
    """Keeps one token for everybody in this process.

    Args:
        source: gives new tokens.
        timeout: seconds that one token may take.
        shared: whether other processes share the source's tokens, so that it is worth a look into it.
        clocks: seconds, monotonic and wall.

    Attributes:
        fresh: a token and the moment, on both clocks, until which it needs no second thought. It is all that
            the fast path reads, and is replaced as a whole, so it needs no lock.
    """

    def __init__(self, source: TokenSource, timeout: float, *, shared: bool = False, clocks: Clocks = CLOCKS) -> None:
        self._clocks = clocks
        self.fresh: tuple[AccessToken | None, float, float] = (None, 0.0, 0.0)
        self._source = source
        self._timeout = timeout
        self._shared = shared
        self._token: AccessToken | None = None
        self._refused: AccessToken | None = None
        self._end = self._next_try = self._next_look = Moment(0.0, 0.0)
        self._flights: SingleFlight[AccessToken] = SingleFlight(self._overdue, grace=GRACE)
        self._looks: SingleFlight[AccessToken] = SingleFlight(self._overdue)
        self.start_over()
        start_over_after_fork(self)

    def start_over(self) -> None:
        """A new lock, for a forked child; the token stays."""
        # Reentrant: where no thread is to be had, a flight begun under it lands under it.
        self._lock = threading.RLock()

    def get(self) -> AccessToken:
        """A valid token; what `fresh` has, or else what the source gives.

        Raises:
            MpesaSecretsError: none is to be had in time.
        """
        spare, flights, flight = self._decide()
        if flight is None and spare is not None:
            return spare
        assert flight is not None
        try:
            return flights.wait(flight)
        except MpesaSecretsError:
            if spare is None:
                raise
            return spare

    async def get_async(self) -> AccessToken:
        """The same, without blocking the event loop."""
        spare, flights, flight = self._decide()
        if flight is None and spare is not None:
            return spare
        assert flight is not None
        try:
            return await flights.wait_async(flight)
        except MpesaSecretsError:
            if spare is None:
                raise
            return spare

    def invalidate(self, token: AccessToken) -> None:
        """Forget a token that was refused, unless another has taken its place already."""
        with self._lock:
            if self._token is not None and self._token == token:
                self.fresh = (None, 0.0, 0.0)
                self._refused = token
                self._token = None

    def adopt(self, token: AccessToken) -> None:
        """Keep this token from now on."""
        with self._lock:
            previous, self._token, self._refused = self._token, token, None
            now = self._clocks.now()
            # A wall clock that was set back does not make it last longer.
            left = min(token.expires_at - now.wall, token.lifetime)
            margin = min(MARGIN, token.lifetime / 5)
            self._end = now.later(left)
            pause = left - margin * random.uniform(0.8, 1.0)
            self._next_try = now.later(pause)
            if self._shared:
                # The first of many refreshes at nine tenths of the margin; the others look a moment later, not all at
                # the same.
                self._next_try = now.later(left - margin * random.uniform(0.5, 0.9))
                pause = left - 0.9 * margin + random.uniform(0.0, min(LOOK, margin / 10))
            if previous is not None and token.expires_at <= previous.expires_at + 1:
                self._next_try = now.later(HOLD_OFF)
                pause = max(pause, LOOK)
            self._rest(now, pause)

    def _rest(self, now: Moment, seconds: float) -> None:
        """Give the token out without a second thought for a while, at most until its end."""
        until = now.later(seconds)
        end = self._end
        self.fresh = (self._token, min(until.monotonic, end.monotonic), min(until.wall, end.wall))

    def _decide(self) -> tuple[AccessToken | None, SingleFlight[AccessToken], Flight[AccessToken] | None]:
        """A token to serve, or a flight to wait for, or a flight and the token to serve if it fails."""
        with self._lock:
            now = self._clocks.now()
            if self._token is None or now.reached(self._end):
                self._token = None
                return None, self._flights, self._flights.join(self._refresh, Deadline(self._timeout))
            if now.reached(Moment(*self.fresh[1:])):
                looks = self._shared and now.reached(self._next_look)
                self._next_look = now.later(LOOK) if looks else self._next_look
                self._rest(now, self._until_next_step(now))
                if looks:
                    return self._token, self._looks, self._looks.join(self._look, Deadline(LOOK))
                self._refresh_ahead(now)
            return self._token, self._flights, None

    def _until_next_step(self, now: Moment) -> float:
        """Seconds until the next look or the next try of a refresh."""
        steps = [self._next_try, self._next_look] if self._shared else [self._next_try]
        return min([LOOK, *(step.monotonic - now.monotonic for step in steps if not now.reached(step))])

    def _refresh_ahead(self, now: Moment) -> None:
        if now.reached(self._next_try):
            self._flights.join(self._refresh, Deadline(self._timeout))

    def _look(self, deadline: Deadline) -> AccessToken:
        """Take over a newer token that others have fetched; else go on, and refresh if it is our turn."""
        token = self._token
        found = None
        with contextlib.suppress(MpesaSecretsError):
            found = token and self._source.peek(token, deadline)
        with self._lock:
            if found is not None and self._token == token:
                self.adopt(found)
            if self._token is None:
                raise self._overdue()
            self._refresh_ahead(self._clocks.now())
            return self._token

    def _refresh(self, deadline: Deadline) -> AccessToken:
        refused = self._refused
        try:
            token = self._source.obtain(refused, deadline, self._token)
        except MpesaSecretsError as error:
            self._try_later(error)
            raise
        if self._refused is None or self._refused == refused or self._refused != token:
            self.adopt(token)
        return token

    def _try_later(self, error: MpesaSecretsError) -> None:
        with self._lock:
            now = self._clocks.now()
            if self._token is None or now.reached(self._end):
                return
            left = min(self._end.monotonic - now.monotonic, self._end.wall - now.wall)
            pause = min(RETRY, left / 10)
            self._next_try = now.later(pause)
            self._rest(now, min(pause, LOOK) if self._shared else pause)
            log.warning("token not refreshed (%s); the present one is good for %.0f s", type(error).__name__, left)

    def _overdue(self) -> MpesaSecretsError:
        return DarajaUnavailable(f"no token within {self._timeout:g} s", hint="try later, or raise MPESA_TIMEOUT")
