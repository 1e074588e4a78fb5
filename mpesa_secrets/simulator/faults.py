"""Everything that can go wrong at the token endpoint, by name: the fixed answers, and those that need doing.

A fault is a function of the exchange and its options that makes the reply.
"""

from __future__ import annotations

import gzip
import inspect
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from functools import partial

from mpesa_secrets.simulator import wire
from mpesa_secrets.simulator.answers import ANSWERS, Answer, error
from mpesa_secrets.simulator.wire import Reply, Request


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
_MISSING = object()


def _always(answer: Answer) -> Fault:
    def fault(exchange: Exchange, *, status: int | None = None) -> Reply:
        chosen = answer if status is None else answer._replace(status=status)
        return chosen.reply(exchange.request)

    return fault


def _silent(play: wire.Play) -> Fault:
    def fault(_exchange: Exchange) -> Reply:
        return Reply(0, play=play)

    return fault


def _played(exchange: Exchange, play: wire.Play) -> Reply:
    healthy = exchange.healthy()
    return Reply(healthy.status, healthy.body, healthy.headers, play)


def _drip(exchange: Exchange, *, interval: float = 1.0, headers: bool) -> Reply:
    return _played(exchange, wire.dripping(float(interval), headers=headers))


def _wrong_length(exchange: Exchange, *, difference: int) -> Reply:
    return _played(exchange, wire.wrong_length(difference))


def _slow(exchange: Exchange, *, seconds: float = 1.0) -> Reply:
    return replace(exchange.healthy(), delay=float(seconds))


def _endless(_exchange: Exchange) -> Reply:
    return Reply(200, b'{"padding": "', {"Content-Type": "application/json"}, wire.endless)


def _broken_gzip(exchange: Exchange) -> Reply:
    healthy = exchange.healthy()
    headers = {**(healthy.headers or {}), "Content-Encoding": "gzip"}
    return Reply(healthy.status, gzip.compress(healthy.body)[:-12], headers)


def _with(changes: Mapping[str, object]) -> Fault:
    """The proper answer with these values in it; a refusal stays a refusal."""

    def fault(exchange: Exchange) -> Reply:
        return _edited(exchange.healthy(), lambda fields: {**fields, **changes})

    return fault


def _edited(healthy: Reply, edit: Callable[[dict[str, object]], dict[str, object]]) -> Reply:
    if healthy.status != 200:
        return healthy
    return Reply(200, json.dumps(edit(json.loads(healthy.body))).encode(), healthy.headers)


def _encoded(exchange: Exchange, *, encoding: str) -> Reply:
    healthy = exchange.healthy()
    return Reply(healthy.status, healthy.body.decode().encode(encoding), healthy.headers)


def _odd_lifetime(exchange: Exchange, *, expires_in: object = _MISSING) -> Reply:
    """Option expires_in: any JSON value; without it the field is missing."""
    if expires_in is not _MISSING:
        return _with({"expires_in": expires_in})(exchange)
    return _edited(exchange.healthy(), lambda fields: {k: v for k, v in fields.items() if k != "expires_in"})


def _odd_token(exchange: Exchange, *, token: object = "") -> Reply:
    """Option token: any JSON value in the place of the token."""
    return _with({"access_token": token})(exchange)


def _same_token(exchange: Exchange) -> Reply:
    return exchange.current() or exchange.healthy()


def _throttled(exchange: Exchange, *, retry_after: int | str | None = None, as_date: bool = False) -> Reply:
    """Option retry_after: seconds, or the header's text as it stands; `as_date`: seconds, sent as a date."""
    if as_date:
        retry_after = formatdate(time.time() + float(retry_after or 0), usegmt=True)
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer(429, text="Too Many Requests", headers=headers).reply(exchange.request)


def _redirect(_exchange: Exchange, *, location: str = "/oauth/v1/moved", status: int = 302) -> Reply:
    return Reply(status, b"", {"Location": location})


def _echo_secret(exchange: Exchange, *, status: int = 400, code: str = "400.000.99") -> Reply:
    """The worst error message there is: the Basic header, the decoded pair, and a fresh token."""
    header = exchange.request.headers.get("authorization", "")
    message = f"Bad call: {header} ({exchange.pair}) {exchange.healthy().body.decode()}"
    return error(status, code, message).reply(exchange.request)


def _custom(
    _exchange: Exchange, *, status: int = 200, body: object = "", headers: Mapping[str, str] | None = None
) -> Reply:
    """Any answer: `body` is a text as it stands, or a JSON value."""
    text = body if isinstance(body, str) else json.dumps(body)
    return Reply(status, text.encode(), headers)


FAULTS: Mapping[str, Fault] = {
    **{name: _always(answer) for name, answer in ANSWERS.items()},
    "429": _throttled,
    "redirect-302": _redirect,
    "echo-secret": _echo_secret,
    "answer": _custom,
    "reset": _silent(wire.reset),
    "hang": _silent(wire.hang),
    "close": _silent(wire.close),
    "slow": _slow,
    "drip-body": partial(_drip, headers=False),
    "drip-headers": partial(_drip, headers=True),
    "endless-body": _endless,
    "short-length": partial(_wrong_length, difference=100),
    "long-body": partial(_wrong_length, difference=-20),
    "broken-gzip": _broken_gzip,
    "utf16-200": partial(_encoded, encoding="utf-16"),
    "bom-200": partial(_encoded, encoding="utf-8-sig"),
    "empty-token": _with({"access_token": ""}),
    "control-token": _with({"access_token": "abc\r\nX-Injected: 1"}),
    "non-ascii-token": _with({"access_token": "jeton\u00e9\u2713"}),
    "odd-token": _odd_token,
    "number-token": _with({"access_token": 12345}),
    "expires-in": _odd_lifetime,
    "extra-fields": _with({"scope": "all", "nested": {"a": [1, None]}}),
    "same-token": _same_token,
}


def check(name: str, options: Mapping[str, object]) -> None:
    """Raise ValueError, with the names that there are, for a fault or an option that does not exist."""
    if name not in FAULTS:
        raise ValueError(f"no fault is called {name!r}; there are: {', '.join(FAULTS)}")
    try:
        inspect.signature(FAULTS[name]).bind(None, **options)
    except TypeError as error:
        raise ValueError(f"fault {name!r}: {error}") from None


class Planned:
    """A fault that waits for its requests: how often, and for which."""

    __slots__ = ("_issue", "_options", "name", "path", "times")

    def __init__(self, name: str, times: int | None, path: str, *, issue: bool, options: Mapping[str, object]) -> None:
        check(name, options)
        if times is not None and times < 1:
            raise ValueError(f"times {times}: at least 1, or None for until clear()")
        self.name = name
        self.times = times
        self.path = path
        self._issue = issue
        self._options = options

    def reply(self, exchange: Exchange) -> Reply:
        """The spoiled answer."""
        if self._issue:
            exchange.healthy()
        return FAULTS[self.name](exchange, **self._options)
