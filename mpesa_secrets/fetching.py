"""Fetching one token, with retries under one bound on the whole time."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mpesa_secrets.answers import Refusal, judge, judge_silence
from mpesa_secrets.credentials import Credentials
from mpesa_secrets.daraja import NoAnswer, ask
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.flights import importing
from mpesa_secrets.tokens import AccessToken

if TYPE_CHECKING:
    from tenacity import RetryCallState

LONGEST_PAUSE = 5.0  # seconds between two requests, unless Daraja asks for more

log = logging.getLogger("mpesa_secrets")


class TokenFetcher:
    """Asks one Daraja host for tokens.

    Args:
        base_url: `https://host`, without a trailing slash.
        method: `GET` or `POST`; the other is tried once where the answer asks for it, and remembered.
        sleep: waits so many seconds between two requests.
        wall: unix seconds, which a token's end is told in.
    """

    def __init__(
        self,
        base_url: str,
        method: str = "GET",
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._base_url = base_url
        self._method = method
        self._sleep = sleep
        self._wall = wall

    def fetch(self, credentials: Credentials, deadline: Deadline) -> AccessToken:
        """A new token; under Daraja's rules it may end the one before.

        Raises:
            DarajaError: after as many requests as the answers and the deadline allow.
        """
        outcome = self._attempt(credentials, deadline)
        if isinstance(outcome, Refusal) and outcome.most > 1:
            outcome = self._again(outcome, credentials, deadline)
        if isinstance(outcome, Refusal):
            raise outcome.error
        return outcome

    def _attempt(self, credentials: Credentials, deadline: Deadline) -> AccessToken | Refusal:
        outcome = self._request(self._method, credentials, deadline)
        if not isinstance(outcome, Refusal) or not outcome.wrong_method:
            return outcome
        other = "POST" if self._method == "GET" else "GET"
        second = self._request(other, credentials, deadline)
        if isinstance(second, Refusal) and second.wrong_method:
            return outcome
        if isinstance(second, AccessToken):
            self._method = other
        return second

    def _request(self, method: str, credentials: Credentials, deadline: Deadline) -> AccessToken | Refusal:
        try:
            return judge(ask(credentials, self._base_url, method, deadline, self._wall), self._base_url)
        except NoAnswer as silence:
            return judge_silence(silence, self._base_url)

    def _again(self, first: Refusal, credentials: Credentials, deadline: Deadline) -> AccessToken | Refusal:
        """Go on after a first refusal. tenacity is imported only now: most tokens come at the first request."""
        with importing:
            from tenacity import Retrying, retry_if_result

        outcomes = [first]

        def attempt() -> AccessToken | Refusal:
            return outcomes.pop() if outcomes else self._attempt(credentials, deadline)

        retrying = Retrying(
            retry=retry_if_result(lambda outcome: isinstance(outcome, Refusal)),
            wait=_pause,
            stop=lambda state: state.attempt_number >= _refusal(state).most or state.upcoming_sleep >= deadline.left(),
            sleep=self._sleep,
            before_sleep=_tell,
            retry_error_callback=_refusal,
        )
        return retrying(attempt)


def _refusal(state: RetryCallState) -> Refusal:
    assert state.outcome is not None
    refusal = state.outcome.result()
    assert isinstance(refusal, Refusal)
    return refusal


def _pause(state: RetryCallState) -> float:
    from tenacity import wait_random, wait_random_exponential

    refusal = _refusal(state)
    if refusal.after:  # 0 is no reason to ask without a pause
        return refusal.after + wait_random(0, 0.1 + refusal.after / 20)(state)
    return wait_random_exponential(multiplier=refusal.base, max=LONGEST_PAUSE, min=refusal.least)(state)


def _tell(state: RetryCallState) -> None:
    # The attempt, the class and the wait: arguments and results are secret.
    error = type(_refusal(state).error).__name__
    log.info("token request %d: %s; the next in %.1f s", state.attempt_number, error, state.upcoming_sleep)
