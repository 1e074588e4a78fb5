"""What the agent answers: three doors, and nothing to browsers."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from mpesa_secrets.agent.keeping import Keeper
from mpesa_secrets.client import Mpesa
from mpesa_secrets.errors import MpesaSecretsError
from mpesa_secrets.tokens import AccessToken
from mpesa_secrets.urls import is_loopback

GUARD = "x-mpesa-secrets"


class Request:
    """A request's first line and headers, whose names are in lower case. They may hold a token: nothing shows them."""

    __slots__ = ("headers", "method", "path")

    def __init__(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        self.method = method
        self.path = path
        self.headers = headers

    @classmethod
    def parsed(cls, head: bytes) -> Request | None:
        """The request that begins so, or None for what is no HTTP."""
        start, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
        match start.split(" "):
            case [method, target, version] if version.startswith("HTTP/1."):
                fields = [line.partition(":") for line in lines]
                return cls(method, target, {name.strip().lower(): value.strip() for name, _, value in fields})
        return None


class Answers:
    """Makes the answers.

    Args:
        mpesa: has the token.
        keeper: knows how things stand.
    """

    def __init__(self, mpesa: Mpesa, keeper: Keeper) -> None:
        self._mpesa = mpesa
        self._keeper = keeper
        self._doors = {
            "/token": ("GET", self._token),
            "/refused": ("POST", self._refused),
            "/health": ("GET", self._health),
        }

    async def answer(self, head: bytes) -> bytes:
        """The whole answer to a request, of which only the head counts."""
        request = Request.parsed(head)
        if request is None:
            return _reply(400, {"error": "not HTTP"})
        method, door = self._doors.get(request.path, (None, None))
        if door is None:
            return _reply(404, {"error": f"unknown; there are {', '.join(self._doors)}"})
        if request.method != method:
            return _reply(405, {"error": f"use {method}"}, f"Allow: {method}\r\n")
        if not _is_local(request):
            return _reply(403, {"error": "the Host header names another machine"})
        if request.path != "/health" and request.headers.get(GUARD) != "1":
            return _reply(403, {"error": "send the header X-Mpesa-Secrets: 1"})
        try:
            return await door(request)
        except MpesaSecretsError as error:
            return _reply(503 if error.retryable else 502, {"error": _described(error)})

    async def _token(self, _request: Request) -> bytes:
        return _granted(await self._mpesa.token_async())

    async def _refused(self, request: Request) -> bytes:
        """Another token than the one that came back from Daraja with this request, in its Authorization header."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        refused = AccessToken(value, 0.0, 0.0)
        del value
        if scheme.lower() != "bearer":
            return _reply(400, {"error": "send the refused token as Authorization: Bearer"})
        token = await self._mpesa.token_async()
        if token == refused:
            self._mpesa.invalidate(token)
            token = await self._mpesa.token_async()
        return _granted(token)

    async def _health(self, _request: Request) -> bytes:
        token, error = self._keeper.token, self._keeper.error
        if token is not None and time.time() < token.expires_at:
            return _reply(200, {"ok": True, "expires_in": int(token.expires_at - time.time())})
        return _reply(503, {"ok": False, "error": _described(error) if error else None})


def _is_local(request: Request) -> bool:
    """Whether Host can only mean this machine: a page from elsewhere may have its own name lead here."""
    host = request.headers.get("host", "")
    try:
        return not host or is_loopback(urlsplit(f"//{host}").hostname)
    except ValueError:
        return False


def _granted(token: AccessToken) -> bytes:
    expires_in = max(0, int(token.expires_at - time.time()))
    return _reply(200, {"access_token": token.value, "expires_at": int(token.expires_at), "expires_in": expires_in})


def _described(error: MpesaSecretsError) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "message": str(error),
        "exit_code": error.exit_code,
        "retryable": error.retryable,
    }


def _reply(status: int, content: object, more: str = "") -> bytes:
    body = json.dumps(content).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n{more}\r\n"
    )
    return head.encode() + body
