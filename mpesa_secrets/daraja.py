"""One request to Safaricom's token endpoint, bounded in time and size.

The request is what Safaricom documents: `GET /oauth/v1/generate?grant_type=client_credentials` with HTTP Basic.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mpesa_secrets.credentials import Credentials
from mpesa_secrets.deadline import Deadline

if TYPE_CHECKING:
    import requests

PATH = "/oauth/v1/generate?grant_type=client_credentials"
MOST_BYTES = 64 * 1024  # of an answer; a token's has some 100
CONNECT = 5.0  # seconds for one try to connect

_CODE = re.compile(r"\b[45]\d\d\.\d{3}\.\d{2,4}\b")


class Answer:
    """An HTTP answer. Its body may hold a token, so nothing shows it.

    Attributes:
        asked_at: unix seconds when the request was sent; a token's lifetime counts from there.
        status: the HTTP status.
        headers: by name, whatever the case.
        body: at most MOST_BYTES.
    """

    __slots__ = ("asked_at", "body", "headers", "status")

    def __init__(self, asked_at: float, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.asked_at = asked_at
        self.status = status
        self.headers = headers
        self.body = body

    def __repr__(self) -> str:
        return f"Answer(status={self.status}, {len(self.body)} bytes)"

    def fields(self) -> dict[str, object] | None:
        """The JSON object in the body, or None."""
        try:
            fields = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return fields if isinstance(fields, dict) else None

    def text(self) -> str:
        """The body as text, good enough to look for words in."""
        return self.body.decode("utf-16" if self.body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8", "replace")

    def code(self) -> str | None:
        """Daraja's error code, `404.001.04` for example, wherever in the body it stands."""
        found = _CODE.search(self.text())
        return found.group() if found else None

    def request_id(self) -> str | None:
        """Daraja's requestId."""
        value = (self.fields() or {}).get("requestId")
        return value if isinstance(value, str) and re.fullmatch(r"[\w.\-]{1,64}", value) else None


class _Basic:
    """A requests auth object. With one, requests leaves ~/.netrc alone; nothing shows what it holds."""

    __slots__ = ("_credentials",)

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Basic {self._pair()}"
        return request

    def _pair(self) -> str:
        from base64 import b64encode

        plain = (self._credentials.consumer_key, self._credentials.consumer_secret)
        return b64encode(":".join(plain).encode("utf-8", "surrogateescape")).decode("ascii")


class NoAnswer(Exception):
    """There was no answer that could be read; `cause` is the class name of what was in the way."""

    def __init__(self, cause: str, *, unverified: bool = False, broken: bool = False) -> None:
        super().__init__(cause)
        self.unverified = unverified
        self.broken = broken


def ask(credentials: Credentials, base_url: str, method: str, deadline: Deadline) -> Answer:
    """Send one token request.

    Returns:
        The answer, whatever its status.

    Raises:
        NoAnswer: `unverified` where TLS did not verify, `broken` where the body could not be decompressed.
    """
    import requests

    asked_at = time.time()
    left = deadline.left()
    try:
        with (
            requests.Session() as session,
            session.request(
                method,
                base_url + PATH,
                auth=_Basic(credentials),
                headers={"Accept": "application/json", "User-Agent": "mpesa-secrets"},
                timeout=(min(CONNECT, left), left),
                allow_redirects=False,  # the Basic header would go along
                stream=True,
            ) as response,
        ):
            return Answer(asked_at, response.status_code, response.headers, _body(response, deadline))
    except requests.exceptions.SSLError:
        raise NoAnswer("SSLError", unverified=True) from None
    except requests.exceptions.ContentDecodingError:
        raise NoAnswer("ContentDecodingError", broken=True) from None
    except (requests.exceptions.RequestException, OSError) as error:
        raise NoAnswer(type(error).__name__) from None


def _body(response: requests.Response, deadline: Deadline) -> bytes:
    """The body, bounded in size and in time: a byte at a time, since a larger read waits for all of it."""
    body = bytearray()
    for piece in response.iter_content(1):
        body += piece
        if deadline.over():
            raise TimeoutError
        if len(body) >= MOST_BYTES:
            break
    return bytes(body)
