"""One request to Safaricom's token endpoint, bounded in time and size.

The request is what Safaricom documents: `GET /oauth/v1/generate?grant_type=client_credentials` with HTTP Basic.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mpesa_secrets.credentials import Credentials
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.flights import importing

if TYPE_CHECKING:
    import requests

PATH = "/oauth/v1/generate?grant_type=client_credentials"
MOST_BYTES = 64 * 1024  # of an answer; a token's has some 100
CONNECT = 5.0  # seconds for one try to connect

_HEADERS = {"Accept": "application/json", "User-Agent": "mpesa-secrets"}
_UNVERIFIED = r"certificate verify failed|doesn't match"
_CODE = r"\b[45]\d\d\.\d{3}\.\d{2,4}\b"


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
        found = re.search(_CODE, self.text())
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
        return b64encode(":".join(plain).encode("utf-8", "surrogatepass")).decode("ascii")


class NoAnswer(Exception):
    """There was no answer that could be read; `cause` is the class name of what was in the way."""

    def __init__(self, cause: str, *, unverified: bool = False, broken: bool = False) -> None:
        super().__init__(cause)
        self.unverified = unverified
        self.broken = broken


def ask(
    credentials: Credentials,
    base_url: str,
    method: str,
    deadline: Deadline,
    wall: Callable[[], float] = time.time,
) -> Answer:
    """Send one token request.

    Returns:
        The answer, whatever its status.

    Raises:
        NoAnswer: `unverified` where TLS did not verify, `broken` where the body could not be decompressed.
    """
    with importing:
        import requests

    if deadline.over():
        raise NoAnswer("TimeoutError")
    request = requests.Request(method, base_url + PATH, headers=_HEADERS, auth=_Basic(credentials))
    asked_at = wall()
    try:
        with requests.Session() as session, _sent(session, request, deadline.left()) as response:
            return Answer(asked_at, response.status_code, response.headers, _body(response, deadline))
    except requests.exceptions.SSLError as error:
        raise NoAnswer("SSLError", unverified=re.search(_UNVERIFIED, str(error)) is not None) from None
    except requests.exceptions.ContentDecodingError:
        raise NoAnswer("ContentDecodingError", broken=True) from None
    except Exception as error:  # requests lets some errors of urllib3 and of codecs through
        raise NoAnswer(type(error).__name__) from None


def _sent(session: requests.Session, request: requests.Request, left: float) -> requests.Response:
    """Past the session's own sending, which reads a redirect to its end even where it is not to be followed."""
    import requests

    prepared = session.prepare_request(request)
    settings = session.merge_environment_settings(prepared.url, {}, True, None, None)
    if isinstance(settings["verify"], str) and not os.path.exists(settings["verify"]):
        raise requests.exceptions.SSLError("certificate verify failed: REQUESTS_CA_BUNDLE names no file")
    # `verify` is never None here, as the stubs have it.
    return session.get_adapter(request.url).send(prepared, timeout=(min(CONNECT, left), left), **settings)  # type: ignore[arg-type]


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
