"""Where tokens come from: the pair out of the store, exchanged for a token."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Protocol

from mpesa_secrets.credentials import Credentials
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import ConfigurationError, CredentialsRejected, StoreError
from mpesa_secrets.fetching import TokenFetcher
from mpesa_secrets.keeping import CredentialsKeeper
from mpesa_secrets.tokens import AccessToken

if TYPE_CHECKING:

    class Exchange(Protocol):
        """Makes a token of a pair: by asking Daraja, or out of a cache that others fill too."""

        def exchange(
            self,
            credentials: Credentials,
            refused: AccessToken | None,
            deadline: Deadline,
            held: AccessToken | None = None,
        ) -> AccessToken:
            """A token of this pair other than the refused one and than the held one; raises MpesaSecretsError."""
            ...

        def peek(self, credentials: Credentials, known: AccessToken, deadline: Deadline) -> AccessToken | None:
            """The token that others share by now, if it follows the known one; at once, and without an error."""
            ...


class Unshared:
    """Asks Daraja each time: nobody shares anything.

    Args:
        fetcher: asks Daraja.
    """

    def __init__(self, fetcher: TokenFetcher) -> None:
        self._fetcher = fetcher

    def exchange(
        self,
        credentials: Credentials,
        _refused: AccessToken | None,
        deadline: Deadline,
        _held: AccessToken | None = None,
    ) -> AccessToken:
        """A new token."""
        return self._fetcher.fetch(credentials, deadline)

    def peek(self, _credentials: Credentials, _known: AccessToken, _deadline: Deadline) -> AccessToken | None:
        """Nothing."""
        return None


class PairSource:
    """Tokens for the pair in a store, which may change under our feet.

    Args:
        keeper: has the pair.
        exchange: makes a token of it.
    """

    def __init__(self, keeper: CredentialsKeeper, exchange: Exchange) -> None:
        self._keeper = keeper
        self._exchange = exchange

    def obtain(self, refused: AccessToken | None, deadline: Deadline, held: AccessToken | None = None) -> AccessToken:
        """A token; a pair that Daraja refuses is read again from the store, once, before anybody hears of it.

        A refused token may have been replaced already; if not, the pair may have been rotated, and is read again first.

        Raises:
            MpesaSecretsError: of the store or of Daraja.
        """
        credentials = self._keeper.current(deadline)
        if refused is not None:
            found = self._exchange.peek(credentials, refused, deadline)
            if found is not None:
                return found
            credentials = self._reread(credentials, deadline) or credentials
        try:
            return self._exchange.exchange(credentials, refused, deadline, held)
        except CredentialsRejected:
            # Also after the pair was just read: others may have been waited for, and the pair rotated meanwhile.
            again = self._reread(credentials, deadline)
            if again is None:
                raise
            return self._exchange.exchange(again, refused, deadline)

    def peek(self, known: AccessToken, deadline: Deadline) -> AccessToken | None:
        """The token that others share by now, if it follows the known one; raises what reading the store raises."""
        return self._exchange.peek(self._keeper.current(deadline), known, deadline)

    def _reread(self, rejected: Credentials, deadline: Deadline) -> Credentials | None:
        """The pair read anew, if it is another one now."""
        with contextlib.suppress(StoreError, ConfigurationError):
            credentials = self._keeper.reread(deadline)
            return None if credentials.same_pair(rejected) else credentials
        return None
