"""Vault's HTTP API by way of hvac: bounded in time, and what goes wrong as our errors.

Vault's messages are looked at, never passed on: some repeat what was sent.
"""

from __future__ import annotations

import io
import json
import random
import re
import ssl
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin

import requests
from hvac.adapters import RawAdapter
from urllib3.exceptions import HTTPError, InsecureRequestWarning, TimeoutError as NoAnswerInTime

from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import ConfigurationError, MalformedSecret, StoreError, StoreUnavailable
from mpesa_secrets.urls import split

if TYPE_CHECKING:
    from .server import Server

MOST_BYTES = 32 * 1024 * 1024  # of an answer: Vault takes no larger request
PAUSES = (0.1, 0.3, 0.9)  # seconds, about, before a read or a login is sent again

Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]


class Operation(Deadline):
    """One call of a store's method: its time, when it began, and the last login that Vault took during it."""

    __slots__ = ("accepted", "started")

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.started = time.monotonic()
        self.accepted: Auth | None = None


class Answer:
    """An HTTP answer. Its JSON may hold secrets, so nothing shows it.

    Attributes:
        status: the HTTP status.
    """

    __slots__ = ("_json", "status")

    def __init__(self, status: int, content: object) -> None:
        self.status = status
        self._json = content

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"

    @property
    def ok(self) -> bool:
        """Whether Vault did what it was asked."""
        return 200 <= self.status < 300

    @property
    def from_vault(self) -> bool:
        """Whether it has Vault's form: a JSON object, or nothing."""
        return isinstance(self._json, dict) or self.status == 204

    def at(self, *names: str) -> Any:
        """What the JSON holds under these names, one within the other; None where there is nothing."""
        found = self._json
        for name in names:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    def says(self, words: str) -> bool:
        """Whether one of Vault's errors or warnings holds these words, in any case."""
        texts = (self.at(name) for name in ("errors", "warnings"))
        return any(words in str(text).lower() for text in texts if isinstance(text, list))


class VaultApi:
    """One Vault server, over connections that are kept.

    Args:
        name: what the errors call the store.
        server: where Vault is.
    """

    def __init__(self, name: str, server: Server) -> None:
        self.name = name
        self.server = server
        session = Session()
        # hvac lets a session's own settings win over those it is given.
        session.verify, session.cert = server.verify, server.certificate
        if server.verify is False:
            _expect_no_verification(server.address)
        self._adapter = RawAdapter(
            base_uri=server.address, verify=server.verify, namespace=server.namespace, session=session
        )

    def patiently(self, method: str, path: str, operation: Operation, auth: Auth, **more: Any) -> Answer:
        """`exchange`, repeated a few times while Vault cannot be reached; for what does no harm twice."""
        for pause in PAUSES:
            wait = random.uniform(0.5, 1.5) * pause
            try:
                return self.exchange(method, path, operation, auth, **more)
            except StoreUnavailable as error:
                if not error.retryable or wait >= operation.left():
                    raise
            time.sleep(wait)
        return self.exchange(method, path, operation, auth, **more)

    def exchange(
        self,
        method: str,
        path: str,
        operation: Operation,
        auth: Auth,
        *,
        body: Callable[[], object] | None = None,
        query: str = "",
        content_type: str = "application/json",
    ) -> Answer:
        """Send one request below `/v1/`, once.

        Args:
            body: makes what is sent as JSON; a callable, because a value would show in tracebacks.

        Raises:
            StoreUnavailable: no answer in time, or none of a Vault at work.
        """
        left = operation.left()
        if not left:
            raise self._late()
        try:
            with self._adapter.request(
                method,
                f"v1/{quote(path)}{query}",
                headers={"Content-Type": content_type} if body else None,
                raise_exception=False,
                timeout=left,
                stream=True,
                auth=auth,
                data=body and json.dumps(body()),
            ) as response:
                answer = Answer(response.status_code, _parsed(_body(response, operation)))
        except (OSError, HTTPError, ValueError) as error:
            raise self._unreachable(error, operation) from None
        return self._checked(answer)

    def unavailable(self, why: str, hint: str | None = None, *, retryable: bool = True) -> StoreUnavailable:
        """The error for a Vault that cannot be asked."""
        return StoreUnavailable(f"{self.name}: Vault at {self.server.address} {why}", hint=hint, retryable=retryable)

    def _late(self) -> StoreUnavailable:
        return self.unavailable("did not answer in time", "is it up? MPESA_TIMEOUT bounds the wait")

    def _checked(self, answer: Answer) -> Answer:
        if answer.says("vault is sealed"):
            raise self.unavailable("is sealed", "unseal it")
        if answer.status == 429:
            raise self.unavailable("throttles (HTTP 429)")
        # 412: this replica is behind; 472 and 473: a standby that does not answer for its cluster.
        if answer.status in (412, 472, 473) or answer.status >= 500:
            raise self.unavailable(f"answers HTTP {answer.status}")
        if 300 <= answer.status < 400:
            raise self.unavailable(f"redirects where no secret may go (HTTP {answer.status})", "check VAULT_ADDR")
        if not answer.from_vault and (answer.ok or answer.status == 404):
            raise self.unavailable(f"answers what is not Vault's (HTTP {answer.status})", "check VAULT_ADDR")
        return answer

    def _unreachable(self, error: Exception, operation: Operation) -> StoreError | ConfigurationError:
        if _unverified(error):
            why = "has a certificate that cannot be verified"
            return self.unavailable(why, "name its CA in VAULT_CACERT", retryable=False)
        if isinstance(error, (requests.Timeout, NoAnswerInTime)) or operation.over():
            return self._late()
        if isinstance(error, _TooLarge):
            return MalformedSecret(f"{self.name}: more than {MOST_BYTES} bytes")
        if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)):
            return ConfigurationError(f"{self.name}: VAULT_ADDR or VAULT_NAMESPACE cannot be sent")
        return self.unavailable(f"cannot be reached: {type(error).__name__}", "check VAULT_ADDR and the network")


class Session(requests.Session):
    """Follows redirects to where a secret may go: never from https to http, never as another method."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where to, or None to take the redirect for the answer."""
        target = super().get_redirect_target(resp)
        if target is None or (resp.request.method != "GET" and resp.status_code not in (307, 308)):
            return None
        downgrade = resp.url.startswith("https:") and not urljoin(resp.url, target).startswith("https:")
        return None if downgrade else target


class _TooLarge(ValueError):
    """More than MOST_BYTES."""


def _body(response: requests.Response, operation: Operation) -> io.BytesIO:
    """The whole body, while there is time. `read1`, since `read` would wait for a dripping server's last byte."""
    body = io.BytesIO()
    read = getattr(response.raw, "read1", response.raw.read)
    while body.write(read(65536, decode_content=True)):
        if operation.over():
            raise TimeoutError
        if body.tell() > MOST_BYTES:
            raise _TooLarge
    return body


def _parsed(body: io.BytesIO) -> object:
    try:
        return json.loads(body.getvalue())
    except (ValueError, RecursionError):  # the error itself holds the text
        return None


def _expect_no_verification(address: str) -> None:
    # VAULT_SKIP_VERIFY asked for it, so urllib3 need not warn at each request to this host.
    host = re.escape(f"Unverified HTTPS request is being made to host '{split(address).hostname}'")
    warnings.filterwarnings("ignore", message=host, category=InsecureRequestWarning)


def _unverified(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
