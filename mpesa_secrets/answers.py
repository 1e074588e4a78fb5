"""What an answer of the token endpoint means: a token, or why there is none and whether to ask again.

The answers are those of Safaricom's documentation and of public reports about the live service: 400 with an
empty body for a wrong pair, throttling under HTTP 500, a firewall that answers in HTML.
"""

from __future__ import annotations

import email.utils
import logging
import re
from typing import NamedTuple, TypeGuard

from mpesa_secrets.daraja import Answer, NoAnswer
from mpesa_secrets.errors import (
    CredentialsRejected,
    DarajaError,
    DarajaUnavailable,
    RequestBlocked,
    UnexpectedAnswer,
)
from mpesa_secrets.tokens import AccessToken

SHORT_LIFETIME = 60.0  # seconds that a token is believed when its expires_in is not to be
LONGEST_LIFETIME = 24 * 3600.0
# Requests in all that a refusal is worth. Time ends the many; a firewall gets angry at more than few.
MANY, FEW, TWO_MORE = 100, 4, 3

# Not compiled until there is something to look for.
_THROTTLED = r"500\.003\.0[23]|SpikeArrest|Spike Arrest|QuotaViolation|System is busy"
_FIREWALL = r"Incapsula|Request unsuccessful"

log = logging.getLogger("mpesa_secrets")


class Refusal(NamedTuple):
    """No token: why, and whether asking again is worth it.

    Attributes:
        error: what to raise in the end.
        most: requests in all that it is worth.
        base: seconds, the first step of the back-off.
        least: seconds, the shortest pause.
        after: seconds that Daraja asked to wait, or None.
        wrong_method: whether the other HTTP method may do.
    """

    error: DarajaError
    most: int = 1
    base: float = 0.25
    least: float = 0.0
    after: float | None = None
    wrong_method: bool = False


def judge(answer: Answer, host: str) -> AccessToken | Refusal:
    """The token in an answer, or the refusal that it is; `host` is named in the refusal."""
    if answer.status == 200:
        return _token(answer) or _without_token(answer, host)
    status, code = answer.status, answer.code()
    if status == 403 or (status == 503 and re.search(_FIREWALL, answer.text())):
        return _blocked(answer, host)
    if status == 429 or (status == 500 and re.search(_THROTTLED, answer.text())):
        return _throttled(answer, host)
    if status == 408 or status >= 500:
        return _unavailable(f"{host}: {_described(answer)}", answer.request_id())
    if status == 405 or code == "404.001.04":
        return _unexpected(answer, host, wrong_method=True)
    if status == 401 or (status == 400 and (code == "400.008.01" or not answer.body.strip())):
        return _rejected(answer, host)
    return _unexpected(answer, host)


def judge_silence(silence: NoAnswer, host: str) -> Refusal:
    """What it means that there was no answer."""
    if silence.unverified:
        error = DarajaUnavailable(
            f"{host}: its TLS certificate cannot be verified",
            hint="check the host; behind a proxy with a CA of its own REQUESTS_CA_BUNDLE names its file",
            retryable=False,
        )
        return Refusal(error)
    if silence.broken:
        return Refusal(UnexpectedAnswer(f"{host}: an answer that cannot be decompressed"), most=TWO_MORE)
    return _unavailable(f"{host}: no answer ({silence})")


def lifetime(value: object) -> float:
    """Seconds that a token is good for, by its `expires_in`: an int or a string of one.

    What is missing, no number, not positive or more than a day is not guessed long: 60 s.
    """
    try:
        seconds = float(int(float(value))) if _is_number(value) else 0.0
    except (ValueError, OverflowError):
        seconds = 0.0
    if 0 < seconds <= LONGEST_LIFETIME:
        return seconds
    log.warning("the token's expires_in is not to be believed; it is used for %.0f s", SHORT_LIFETIME)
    return SHORT_LIFETIME


def _is_number(value: object) -> TypeGuard[str | int | float]:
    if isinstance(value, str):
        return re.fullmatch(r"\s*[0-9]{1,9}(\.[0-9]*)?\s*", value) is not None
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks for: a number, or an HTTP date; None where it is neither."""
    if value is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}(\.\d*)?\s*", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _token(answer: Answer) -> AccessToken | None:
    fields = answer.fields() or {}
    value = fields.get("access_token")
    if not isinstance(value, str) or not (value.isascii() and value.isprintable() and value.strip()):
        return None
    seconds = lifetime(fields.get("expires_in"))
    return AccessToken(value, answer.asked_at + seconds, seconds)


def _without_token(answer: Answer, host: str) -> Refusal:
    if re.search(_FIREWALL, answer.text()):
        return _blocked(answer, host)
    error = UnexpectedAnswer(
        f"{host}: HTTP 200 without a usable access_token",
        hint="is this the API host? Safaricom's portal answers with a page",
        request_id=answer.request_id(),
    )
    return Refusal(error, most=TWO_MORE)


def _rejected(answer: Answer, host: str) -> Refusal:
    error = CredentialsRejected(
        f"{host}: refuses the consumer key and secret ({_described(answer)})",
        hint="check the pair, and that it belongs to this environment: the answer cannot tell these two apart",
        request_id=answer.request_id(),
    )
    return Refusal(error)


def _blocked(answer: Answer, host: str) -> Refusal:
    error = RequestBlocked(
        f"{host}: the firewall before Daraja blocked the request (HTTP {answer.status})",
        hint="it judges the egress IP address and the rate: ask from another address, or less often",
        request_id=answer.request_id(),
    )
    return Refusal(error, most=FEW, base=1.0, least=1.0)


def _throttled(answer: Answer, host: str) -> Refusal:
    error = DarajaUnavailable(
        f"{host}: throttled ({_described(answer)})",
        hint="ask less often: share one token with a token cache",
        request_id=answer.request_id(),
    )
    after = retry_after(answer.headers.get("Retry-After"), answer.asked_at)
    return Refusal(error, most=MANY, base=0.5, after=after)


def _unavailable(message: str, request_id: str | None = None) -> Refusal:
    error = DarajaUnavailable(message, hint="check the network, then try again", request_id=request_id)
    return Refusal(error, most=MANY)


def _unexpected(answer: Answer, host: str, *, wrong_method: bool = False) -> Refusal:
    error = UnexpectedAnswer(
        f"{host}: an answer that is not Daraja's ({_described(answer)})",
        hint="check MPESA_BASE_URL and any proxy on the way",
        request_id=answer.request_id(),
    )
    return Refusal(error, wrong_method=wrong_method)


def _described(answer: Answer) -> str:
    # Never its errorMessage: that may hold the bearer token or the pair.
    code = answer.code()
    return f"HTTP {answer.status}, errorCode {code}" if code else f"HTTP {answer.status}"
