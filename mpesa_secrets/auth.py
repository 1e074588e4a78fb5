"""A requests auth that adds the token, and repeats a call whose token was refused."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.tokens import AccessToken
from mpesa_secrets.urls import is_loopback

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

# What the business APIs say of a token that is over. 404.001.03 also means "product not enabled".
REFUSED_CODES = re.compile(rb"401\.002\.01|401\.003\.01|404\.001\.03|400\.003\.01|400\.002\.01")
GIVE_UP = 5.0  # seconds in which a path that refused a new token, too, costs no further one


class Tokens(Protocol):
    """What the auth needs of a client."""

    def token(self) -> AccessToken: ...
    def invalidate(self, token: AccessToken) -> None: ...


class _Sending:
    """How requests sent a call. The proxies in it may hold a password, so nothing shows it."""

    __slots__ = ("options",)

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options


class TokenAuth:
    """Signs requests to Daraja, and to no other host.

    Args:
        tokens: gives the token and takes it back.
        base_url: its host may be sent the token.
        api_hosts: and so may these: host names, or `host:port`.
        monotonic: seconds.
    """

    def __init__(
        self,
        tokens: Tokens,
        base_url: str,
        api_hosts: frozenset[str] = frozenset(),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tokens = tokens
        self._hosts = {urlsplit(base_url).hostname or "", *api_hosts}
        self._monotonic = monotonic
        self._in_vain: dict[str, tuple[AccessToken, float]] = {}

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Add the header.

        Raises:
            ConfigurationError: the request goes to another host, or would go there in the clear.
            MpesaSecretsError: there is no token.
        """
        self._check(request.url or "")
        token = self._tokens.token()
        request.headers["Authorization"] = token.header
        request.hooks["response"].append(partial(self._answered, token, _position(request)))
        return request

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if not self._may_have_it(url):
            raise ConfigurationError(
                f"{parts.hostname}: not a host that may be sent the token", hint="name it in MPESA_API_HOSTS"
            )
        if parts.scheme != "https" and not is_loopback(parts.hostname):
            raise ConfigurationError(f"{parts.hostname}: the token is not sent over plain {parts.scheme}")

    def _may_have_it(self, url: str) -> bool:
        parts = urlsplit(url)
        return bool(self._hosts & {parts.hostname, parts.netloc.rpartition("@")[2].lower()})

    def _answered(self, token: AccessToken, position: int | None, response: Response, **options: Any) -> Response:
        """The hook: replace a refused token and repeat the call, once."""
        sending = _Sending(options)
        del options
        # A redirect to another host went without the token: what that says is not about it.
        if response.request.headers.get("Authorization") != token.header or not _refused(response):
            return response
        path = urlsplit(response.request.url or "").path
        refused, until = self._in_vain.get(path, (None, 0.0))
        if refused == token and self._monotonic() < until:
            return response
        self._tokens.invalidate(token)
        if position is None and response.request.body is not None:
            return response  # a body that was streamed away cannot be sent again
        return self._repeat(path, position, response, sending)

    def _repeat(self, path: str, position: int | None, response: Response, sending: _Sending) -> Response:
        response.close()
        request = response.request.copy()
        _rewind(request, position)
        token = self._tokens.token()
        request.headers["Authorization"] = token.header
        again: Response = response.connection.send(request, **sending.options)
        again.history.append(response)
        again.request = request
        if _refused(again):
            # It was not the token's fault: a product that is not enabled, say.
            self._in_vain[path] = token, self._monotonic() + GIVE_UP
        return again


def _refused(response: Response) -> bool:
    if response.status_code == 401:
        return True
    return response.status_code in (400, 404) and REFUSED_CODES.search(response.content) is not None


def _position(request: PreparedRequest) -> int | None:
    """Where a body that can be sent again begins; None for one that cannot, and for none at all."""
    if isinstance(request.body, (str, bytes)):
        return 0
    try:
        return int(request.body.tell())  # type: ignore[attr-defined]  # a file, if it can tell
    except (AttributeError, OSError):
        return None


def _rewind(request: PreparedRequest, position: int | None) -> None:
    seek = getattr(request.body, "seek", None)
    if seek is not None:
        seek(position)
