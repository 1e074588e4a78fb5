"""What the token endpoint says when something is wrong: fixed answers, by name.

Sources: Safaricom's pages (error codes 400.008.01, 400.008.02, 404.001.04, 500.003.02, 500.003.03), reports
of what the live service sends (the empty 400, the firewall's pages in front of it, throttling as HTTP 500,
the bearer token inside an error message), and shapes that any HTTP server or proxy may produce.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import NamedTuple

from mpesa_secrets.simulator.wire import Reply, Request

_random = random.SystemRandom()


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
        value = _signed(self.json, request) if isinstance(self.json, dict) else self.json
        body = json.dumps(value, ensure_ascii=False).encode(self.encoding)
        return Reply(self.status, body, self._headers(f"application/json;charset={self.encoding}"))

    def _headers(self, content_type: str) -> dict[str, str]:
        return {"Content-Type": content_type, **(self.headers or {})}


def _signed(value: dict[str, object], request: Request) -> dict[str, object]:
    if "errorCode" not in value:
        return value
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    message = str(value["errorMessage"]).replace("{bearer}", bearer)
    request_id = f"{_random.randrange(10**5)}-{_random.randrange(10**8)}-1"
    return {"requestId": request_id, **value, "errorMessage": message}


def error(status: int, code: str, message: str, encoding: str = "utf-8") -> Answer:
    return Answer(status, {"errorCode": code, "errorMessage": message}, encoding=encoding)


def _html(status: int, inside: str) -> Answer:
    return Answer(status, text=f"<html><body>{inside}</body></html>", content_type="text/html")


_FIREWALL = (
    '<iframe src="/_Incapsula_Resource?SWUDNSAI=31">'
    "Request unsuccessful. Incapsula incident ID: 1234000560012345678-90123456789</iframe>"
)
_SPIKE = {
    "faultstring": "Spike arrest violation. Allowed rate: 5 messages in 1 second",
    "detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"},
}

ANSWERS: Mapping[str, Answer] = {
    # the pair is refused
    "empty-400": Answer(400),
    "invalid-400": error(400, "400.008.01", "Invalid Authentication passed"),
    "401": error(401, "401.008.01", "Unauthorized"),
    # the request is wrong
    "wrong-grant": error(400, "400.008.02", "Invalid grant type passed"),
    "method-404": error(404, "404.001.04", "Invalid Authentication Header"),
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
    "spike-arrest-500": error(500, "500.003.02", "Error Occurred: Spike Arrest Violation"),
    "busy-500": error(500, "500.003.02", "System is busy. Please try again in few minutes."),
    "quota-500": error(500, "500.003.03", "Error Occurred: Quota Violation"),
    "spike-fault-500": Answer(500, {"fault": _SPIKE}),
    # not available
    "408": Answer(408, text="Request Timeout"),
    "500": error(500, "500.001.1001", "Internal Server Error"),
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
    "envelope": Answer(500, {"Envelope": {"Body": {"Fault": {"faultstring": "Down"}}}}),
    "latin1": error(400, "400.000.99", "Requête refusée", "iso-8859-1"),
    "utf16": error(400, "400.000.99", "Requête refusée", "utf-16"),
    # an invalid token, as the business APIs say it (404.001.03: a product that is not enabled, too)
    "401.002.01": error(401, "401.002.01", "Error Occurred - Invalid Access Token - {bearer}"),
    "401.003.01": error(401, "401.003.01", "Error Occurred: Invalid Access Token"),
    "404.001.03": error(404, "404.001.03", "Invalid Access Token"),
    "400.003.01": error(400, "400.003.01", "Invalid Access Token"),
    "400.002.01": error(400, "400.002.01", "Invalid Access Token"),
}
