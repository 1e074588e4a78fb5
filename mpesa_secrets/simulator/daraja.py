"""The rules of Daraja, without any network: apps, their tokens, and what a healthy service answers."""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable
from urllib.parse import parse_qs

from mpesa_secrets.simulator.answers import ANSWERS
from mpesa_secrets.simulator.wire import Reply, Request

METHODS = ("GET", "POST", "ANY")
INVALID_TOKEN = {
    "/mpesa/c2b/": "401.003.01",
    "/mpesa/stkpush": "404.001.03",
    "/mpesa/reversal/": "404.001.03",
    "/mpesa/qrcode/": "400.003.01",
}
_ALPHABET = string.ascii_letters + string.digits
_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_random = random.SystemRandom()


class App:
    """One app of the portal: its tokens and when each ends (unix seconds), the newest last."""

    __slots__ = ("tokens",)

    def __init__(self) -> None:
        self.tokens: dict[str, float] = {}


class Daraja:
    """Apps and tokens. Not for several threads at once: the simulator holds a lock."""

    def __init__(
        self,
        *,
        lifetime: int,
        last_token_wins: bool,
        method: str,
        refusal: str,
        integer_lifetime: bool,
        clock: Callable[[], float],
    ) -> None:
        if method not in METHODS:
            raise ValueError(f"method {method!r}: it is one of {', '.join(METHODS)}")
        if refusal not in ANSWERS:
            raise ValueError(f"refusal {refusal!r}: it is one of {', '.join(ANSWERS)}")
        self.refused_pairs = 0
        self.refused_tokens = 0
        self._lifetime = lifetime
        self._last_token_wins = last_token_wins
        self._method = method
        self._refusal = ANSWERS[refusal]
        self._show_lifetime: Callable[[int], int | str] = int if integer_lifetime else str
        self._clock = clock
        self._apps: dict[str, App] = {}

    def accept(self, consumer_key: str, consumer_secret: str) -> None:
        """Know this pair from now on."""
        self._apps.setdefault(f"{consumer_key}:{consumer_secret}", App())

    def revoke(self, consumer_key: str) -> None:
        """Forget every pair with this key, and their tokens."""
        self._apps = {pair: app for pair, app in self._apps.items() if pair.partition(":")[0] != consumer_key}

    def expire_tokens(self) -> None:
        """End every token that is out."""
        for app in self._apps.values():
            app.tokens.clear()

    def is_current(self, token_value: str) -> bool:
        """Whether a business API would take this token now."""
        now = self._clock()
        return any(app.tokens.get(token_value, now) > now for app in self._apps.values())

    def token(self, request: Request) -> Reply:
        """The answer of the token endpoint; a good one ends the app's token of before."""
        pair = basic_pair(request)
        if self._method not in (request.method, "ANY") or pair is None:
            return ANSWERS["method-404"].reply(request)
        if not _asks_for_client_credentials(request):
            return ANSWERS["wrong-grant"].reply(request)
        app = self._apps.get(pair)
        if app is None:
            self.refused_pairs += 1
            return self._refusal.reply(request)
        return self._issue(app)

    def token_again(self, request: Request) -> Reply | None:
        """The answer with the app's newest token once more and what is left of it, or None without one."""
        app = self._apps.get(basic_pair(request) or "")
        value, ends = next(reversed(app.tokens.items()), ("", 0.0)) if app else ("", 0.0)
        left = int(ends - self._clock())
        return self._granted(value, left) if left > 0 else None

    def business(self, request: Request) -> Reply:
        """The answer of a business API: an echo for a current token, else its own kind of refusal."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not self.is_current(token):
            self.refused_tokens += 1
            return ANSWERS[_invalid_token_code(request.path)].reply(request)
        done = {"ResponseCode": "0", "ResponseDescription": "Accepted by simulator", "echo": request.path}
        return Reply(200, json.dumps(done).encode(), _JSON)

    def _issue(self, app: App) -> Reply:
        if self._last_token_wins:
            app.tokens.clear()
        value = "".join(_random.choices(_ALPHABET, k=28))
        app.tokens[value] = self._clock() + self._lifetime
        return self._granted(value, self._lifetime)

    def _granted(self, value: str, seconds: int) -> Reply:
        body = json.dumps({"access_token": value, "expires_in": self._show_lifetime(seconds)})
        return Reply(200, body.encode(), _JSON)


def basic_pair(request: Request) -> str | None:
    """The decoded `key:secret` of the Basic header, "" where it cannot be decoded, None without one."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        return ""


def _invalid_token_code(path: str) -> str:
    return next((code for prefix, code in INVALID_TOKEN.items() if path.startswith(prefix)), "401.002.01")


def _asks_for_client_credentials(request: Request) -> bool:
    asked = parse_qs(request.query) or parse_qs(request.body.decode("latin-1"))
    return asked.get("grant_type") == ["client_credentials"]
