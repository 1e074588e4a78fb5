"""Everything that can go wrong at the token endpoint, by name.

Sources: Safaricom's pages (error codes 400.008.01, 400.008.02, 404.001.04, 500.003.02, 500.003.03), reports of
what the live service sends (the empty 400, the firewall's pages in front of it, throttling as HTTP 500, the
bearer token inside an error message), and shapes that any HTTP server or proxy may produce.
"""

from __future__ import annotations

import gzip
import inspect
import json
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from typing import NamedTuple

from mpesa_secrets.simulator import wire
from mpesa_secrets.simulator.wire import Reply, Request

_random = random.SystemRandom()


@dataclass(frozen=True, slots=True, repr=False)
class Exchange:
    """What a fault may look at: the request, and what the service would do if it were well.

    `healthy()` gives the proper answer, with all that belongs to it: a token is issued, the one before dies.
    `current()` gives an answer with the token of before, or None where there is none. `pair` is the decoded
    Basic header.
    """

    request: Request
    pair: str
    healthy: Callable[[], Reply]
    current: Callable[[], Reply | None]


Fault = Callable[..., Reply]


class Answer(NamedTuple):
    """An answer that is always the same: a JSON value, or a text as it stands."""

    status: int
    json: object = None
    text: str = ""
    content_type: str = "text/plain"
    encoding: str = "utf-8"
    headers: Mapping[str, str] | None = None

    def reply(self, request: Request) -> Reply:
        """This answer, in an error the requestId and (where the real service does so) the bearer token."""
        if self.json is None:
            return Reply(self.status, self.text.encode(self.encoding), self._headers(self.content_type))
        kind = "application/json" if self.encoding == "utf-8" else f"application/json; charset={self.encoding}"
        value = _signed(self.json, request) if isinstance(self.json, dict) else self.json
        body = json.dumps(value, ensure_ascii=False).encode(self.encoding)
        return Reply(self.status, body, self._headers(kind))

    def _headers(self, content_type: str) -> dict[str, str]:
        return {"Content-Type": content_type, **(self.headers or {})}


def _signed(value: dict[str, object], request: Request) -> dict[str, object]:
    if "errorCode" not in value:
        return value
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    message = str(value["errorMessage"]).replace("{bearer}", bearer)
    request_id = f"{_random.randrange(10**5)}-{_random.randrange(10**8)}-1"
    return {"requestId": request_id, **value, "errorMessage": message}


def _error(status: int, code: str, message: str, encoding: str = "utf-8") -> Answer:
    return Answer(status, {"errorCode": code, "errorMessage": message}, encoding=encoding)


def _html(status: int, inside: str) -> Answer:
    return Answer(status, text=f"<html><body>{inside}</body></html>", content_type="text/html")


_FIREWALL = (
    '<iframe src="/_Incapsula_Resource?SWUDNSAI=31">'
    "Request unsuccessful. Incapsula incident ID: 1234000560012345678-90123456789</iframe>"
)
_SPIKE = {
    "faultstring": "Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=5, periodInMicroseconds=1000000}",
    "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
}

ANSWERS: Mapping[str, Answer] = {
    # the pair is refused
    "empty-400": Answer(400),
    "invalid-400": _error(400, "400.008.01", "Invalid Authentication passed"),
    "401": _error(401, "401.008.01", "Unauthorized"),
    # the request is wrong
    "wrong-grant": _error(400, "400.008.02", "Invalid grant type passed"),
    "method-404": _error(404, "404.001.04", "Invalid Authentication Header"),
    "method-405": Answer(405, text="Method Not Allowed", headers={"Allow": "GET"}),
    "plain-400": Answer(400, text="Bad Request"),
    "404": _html(404, "Not Found"),
    "410": _html(410, "Gone"),
    "204": Answer(204),
    # the firewall in front
    "forbidden-403": _html(403, "Access denied"),
    "incapsula-200": _html(200, _FIREWALL),
    "incapsula-503": _html(503, _FIREWALL),
    "html-200": _html(200, "Daraja 3.0: the developer portal"),
    # throttled
    "spike-arrest-500": _error(500, "500.003.02", "Error Occurred: Spike Arrest Violation"),
    "busy-500": _error(500, "500.003.02", "System is busy. Please try again in few minutes."),
    "quota-500": _error(500, "500.003.03", "Error Occurred: Quota Violation"),
    "spike-fault-500": Answer(500, {"fault": _SPIKE}),
    # not available
    "408": Answer(408, text="Request Timeout"),
    "500": _error(500, "500.001.1001", "Internal Server Error"),
    "502": _html(502, "Bad Gateway"),
    "503": _html(503, "Service Unavailable"),
    "504": _html(504, "Gateway Timeout"),
    # shapes that nobody expects
    "not-json-200": Answer(200, text='{"access_token": ', content_type="application/json"),
    "list-200": Answer(200, ["access_token"]),
    "string-200": Answer(200, "access_token"),
    "no-token-200": Answer(200, {"expires_in": "3599"}),
    "error-list": Answer(400, [{"errorCode": "400.008.01"}]),
    "error-string": Answer(400, "Bad Request"),
    "envelope": Answer(500, {"Envelope": {"Body": {"Fault": {"faultcode": "Server", "faultstring": "Down"}}}}),
    "latin1": _error(400, "400.000.99", "Requête refusée", "iso-8859-1"),
    "utf16": _error(400, "400.000.99", "Requête refusée", "utf-16"),
    # an invalid token, as the business APIs say it (404.001.03: a product that is not enabled, too)
    "401.002.01": _error(401, "401.002.01", "Error Occurred - Invalid Access Token - {bearer}"),
    "401.003.01": _error(401, "401.003.01", "Error Occurred: Invalid Access Token"),
    "404.001.03": _error(404, "404.001.03", "Invalid Access Token"),
    "400.003.01": _error(400, "400.003.01", "Invalid Access Token"),
    "400.002.01": _error(400, "400.002.01", "Invalid Access Token"),
}


def _always(answer: Answer) -> Fault:
    def fault(exchange: Exchange, *, status: int | None = None) -> Reply:
        chosen = answer if status is None else answer._replace(status=status)
        return chosen.reply(exchange.request)

    return fault


def _silent(play: wire.Play) -> Fault:
    def fault(exchange: Exchange) -> Reply:
        return Reply(0, play=play)

    return fault


def _played(exchange: Exchange, play: wire.Play) -> Reply:
    healthy = exchange.healthy()
    return Reply(healthy.status, healthy.body, healthy.headers, play)


def _drip(exchange: Exchange, *, interval: float = 1.0, headers: bool) -> Reply:
    return _played(exchange, wire.dripping(interval, headers=headers))


def _wrong_length(exchange: Exchange, *, difference: int) -> Reply:
    return _played(exchange, wire.wrong_length(difference))


def _endless(exchange: Exchange) -> Reply:
    return Reply(200, b'{"padding": "', {"Content-Type": "application/json"}, wire.endless)


def _broken_gzip(exchange: Exchange) -> Reply:
    healthy = exchange.healthy()
    headers = {**(healthy.headers or {}), "Content-Encoding": "gzip"}
    return Reply(healthy.status, gzip.compress(healthy.body)[:-12], headers)


def _altered(exchange: Exchange, **changes: object) -> Reply:
    """The proper answer with other values in it; a refusal stays a refusal."""
    healthy = exchange.healthy()
    if healthy.status != 200:
        return healthy
    return Reply(200, json.dumps(json.loads(healthy.body) | changes).encode(), healthy.headers)


def _encoded(exchange: Exchange, *, encoding: str) -> Reply:
    healthy = exchange.healthy()
    return Reply(healthy.status, healthy.body.decode().encode(encoding), healthy.headers)


def _odd_lifetime(exchange: Exchange, **options: object) -> Reply:
    """Option expires_in: any JSON value; without it the field is missing."""
    if "expires_in" in options:
        return _altered(exchange, expires_in=options["expires_in"])
    healthy = exchange.healthy()
    fields = json.loads(healthy.body or b"{}")
    fields.pop("expires_in", None)
    return Reply(healthy.status, json.dumps(fields).encode() if healthy.body else b"", healthy.headers)


def _odd_token(exchange: Exchange, *, token: object) -> Reply:
    return _altered(exchange, access_token=token)


def _same_token(exchange: Exchange) -> Reply:
    return exchange.current() or exchange.healthy()


def _throttled(
    exchange: Exchange, *, retry_after: int | str | None = None, as_date: bool = False
) -> Reply:
    """Option retry_after: seconds, or the header's text as it stands; `as_date` sends seconds as an HTTP date."""
    if as_date:
        retry_after = formatdate(time.time() + float(retry_after or 0), usegmt=True)
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(429, text="Too Many Requests", headers=headers).reply(exchange.request)


def _redirect(exchange: Exchange, *, location: str = "/oauth/v1/moved", status: int = 302) -> Reply:
    return Reply(status, b"", {"Location": location})


def _echo_secret(exchange: Exchange, *, status: int = 400, code: str = "400.000.99") -> Reply:
    """The worst error message there is: the Basic header, the decoded pair, and a fresh token."""
    header = exchange.request.headers.get("authorization", "")
    message = f"Bad call: {header} ({exchange.pair}) {exchange.healthy().body.decode()}"
    return _error(status, code, message).reply(exchange.request)


def _custom(
    exchange: Exchange, *, status: int = 200, body: object = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """Any answer: `body` is a text as it stands, or a JSON value."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Reply(status, text.encode(), headers)
