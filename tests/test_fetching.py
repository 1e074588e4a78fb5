"""Fetching one token from a Daraja that misbehaves, over real HTTP."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mpesa_secrets.credentials import Credentials
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import (
    CredentialsRejected,
    DarajaError,
    DarajaUnavailable,
    RequestBlocked,
    UnexpectedAnswer,
)
from mpesa_secrets.fetching import TokenFetcher
from mpesa_secrets.simulator import Simulator
from mpesa_secrets.tokens import AccessToken
from tests.certificates import self_signed
from tests.daraja_client import KEY, SECRET
from tests.raw import head, listening
from tests.servers.loopback import LoopbackServer
from tests.token_fixtures import SLACK, Always

PAIR = Credentials(KEY, SECRET)
PLENTY = 30.0


class Fetch:
    """Fetches from one Daraja, and notes the pauses instead of making them unless they are to be real."""

    def __init__(self, base_url: str, method: str = "GET", *, real: bool = False) -> None:
        self.pauses: list[float] = []
        self._fetcher = TokenFetcher(base_url, method, time.sleep if real else self.pauses.append)

    def __call__(self, seconds: float = PLENTY, pair: Credentials = PAIR) -> AccessToken:
        return self._fetcher.fetch(pair, Deadline(seconds))

    def failure(self, seconds: float = PLENTY, pair: Credentials = PAIR) -> DarajaError:
        """The error in the place of a token."""
        with pytest.raises(DarajaError) as raised:
            self(seconds, pair)
        return raised.value


@pytest.fixture
def fetch(daraja: Simulator) -> Fetch:
    return Fetch(daraja.base_url)


def methods(daraja: Simulator) -> list[str]:
    """How the token endpoint was asked, in order."""
    return [request.method for request in daraja.token_requests]


ONCE = [
    ("empty-400", CredentialsRejected, False),
    ("invalid-400", CredentialsRejected, True),
    ("401", CredentialsRejected, True),
    ("error-list", CredentialsRejected, False),
    ("wrong-grant", UnexpectedAnswer, True),
    ("plain-400", UnexpectedAnswer, False),
    ("error-string", UnexpectedAnswer, False),
    ("latin1", UnexpectedAnswer, False),
    ("utf16", UnexpectedAnswer, True),
    ("echo-secret", UnexpectedAnswer, True),
    ("404", UnexpectedAnswer, False),
    ("410", UnexpectedAnswer, False),
    ("204", UnexpectedAnswer, False),
    ("redirect-302", UnexpectedAnswer, False),
]


@pytest.mark.parametrize(("fault", "expected", "signed"), ONCE)
def test_refusal_for_good_costs_one_request(
    daraja: Simulator, fetch: Fetch, fault: str, expected: type[DarajaError], signed: bool
) -> None:
    """No retry would help; the requestId is kept where there is one."""
    daraja.fail(fault, times=None)
    error = fetch.failure()
    assert (type(error), error.retryable, len(methods(daraja))) == (expected, False, 1)
    assert (error.request_id is not None) is signed


UNUSABLE = ["html-200", "not-json-200", "list-200", "string-200", "no-token-200", "empty-token"]
UNUSABLE += ["control-token", "non-ascii-token", "number-token", "long-body", "broken-gzip", "endless-body"]


@pytest.mark.parametrize("fault", UNUSABLE)
def test_unusable_200_is_worth_two_more_requests(daraja: Simulator, fetch: Fetch, fault: str) -> None:
    """And then it is an unexpected answer."""
    daraja.fail(fault, times=None)
    error = fetch.failure()
    assert (type(error), error.retryable, len(methods(daraja))) == (UnexpectedAnswer, False, 3)


@pytest.mark.parametrize("fault", ["forbidden-403", "incapsula-200", "incapsula-503"])
def test_firewall_gets_four_slow_requests_at_most(daraja: Simulator, fetch: Fetch, fault: str) -> None:
    """It gets angry at more, and at quick ones."""
    daraja.fail(fault, times=None)
    error = fetch.failure()
    assert (type(error), error.retryable, len(methods(daraja))) == (RequestBlocked, True, 4)
    assert all(1 <= pause <= 5 for pause in fetch.pauses)


PASSING = ["spike-arrest-500", "busy-500", "quota-500", "spike-fault-500", "429", "408", "500", "502", "503"]
PASSING += ["504", "envelope", "reset", "close", "short-length"]


@pytest.mark.parametrize("fault", PASSING)
def test_trouble_that_may_pass_is_retried_with_jitter(daraja: Simulator, fetch: Fetch, fault: str) -> None:
    """Until it has passed."""
    daraja.fail(fault, times=4)
    assert daraja.is_current(fetch().value)
    assert len(methods(daraja)) == 5
    assert len({*fetch.pauses}) == 4
    assert all(0 <= pause <= 5 for pause in fetch.pauses)


@pytest.mark.parametrize("fault", PASSING)
def test_trouble_that_does_not_pass_ends_with_the_time(daraja: Simulator, fault: str) -> None:
    """Daraja is unavailable; a later call may do."""
    daraja.fail(fault, times=None)
    begun = time.monotonic()
    error = Fetch(daraja.base_url, real=True).failure(0.4)
    assert time.monotonic() - begun < 0.4 + SLACK
    assert (type(error), error.retryable) == (DarajaUnavailable, True)
    assert 1 <= len(methods(daraja)) < 30


@pytest.mark.parametrize("fault", ["hang", "drip-body"])
def test_answer_that_does_not_come_ends_with_the_time(daraja: Simulator, fault: str) -> None:
    """Whatever comes meanwhile."""
    options: dict[str, Any] = {"interval": 0.2} if fault == "drip-body" else {}
    daraja.fail(fault, times=None, **options)
    begun = time.monotonic()
    error = Fetch(daraja.base_url, real=True).failure(0.5)
    assert time.monotonic() - begun < 0.5 + SLACK
    assert (type(error), error.retryable) == (DarajaUnavailable, True)


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("utf16-200", {}),
        ("bom-200", {}),
        ("extra-fields", {}),
        ("slow", {"seconds": 0.1}),
        ("drip-body", {"interval": 0.001}),
        ("drip-headers", {"interval": 0.001}),
    ],
)
def test_odd_but_good_answer_is_a_token(daraja: Simulator, fetch: Fetch, fault: str, options: dict[str, Any]) -> None:
    """At the first request."""
    daraja.fail(fault, **options)
    assert daraja.is_current(fetch().value)
    assert len(methods(daraja)) == 1


@pytest.mark.parametrize(("expires_in", "seconds"), [("3599", 3599), (120, 120), ("soon", 60), (10**9, 60)])
def test_lifetime_counts_from_the_request(daraja: Simulator, expires_in: object, seconds: float) -> None:
    """By the wall clock that the fetcher was given."""
    daraja.fail("expires-in", expires_in=expires_in)
    token = TokenFetcher(daraja.base_url, wall=lambda: 1000.0).fetch(PAIR, Deadline(PLENTY))
    assert (token.expires_at, token.lifetime) == (1000.0 + seconds, seconds)


@pytest.mark.parametrize(("taken", "first"), [("POST", "GET"), ("GET", "POST")])
def test_wrong_method_is_changed_once_and_remembered(taken: str, first: str) -> None:
    """Both ways."""
    with Simulator(KEY, SECRET, method=taken) as daraja:
        fetch = Fetch(daraja.base_url, first)
        assert fetch() != fetch()
        assert methods(daraja) == [first, taken, taken]


@pytest.mark.parametrize("fault", ["method-404", "method-405"])
def test_neither_method_is_an_unexpected_answer(daraja: Simulator, fetch: Fetch, fault: str) -> None:
    """After one try of each; nothing is remembered."""
    daraja.fail(fault, times=2)
    assert type(fetch.failure()) is UnexpectedAnswer
    fetch()
    assert methods(daraja) == ["GET", "POST", "GET"]


def test_refused_pair_is_seen_behind_the_other_method() -> None:
    """What the other method says counts."""
    with Simulator(KEY, SECRET, method="POST") as other:
        assert type(Fetch(other.base_url).failure(pair=Credentials(KEY, "wrong"))) is CredentialsRejected
        assert methods(other) == ["GET", "POST"]


def test_retry_after_is_waited_for(daraja: Simulator, fetch: Fetch) -> None:
    """In seconds or as a date, and a little more."""
    daraja.fail("429", retry_after=3)
    daraja.fail("429", retry_after=9, as_date=True)
    fetch()
    assert 3 <= fetch.pauses[0] < 4
    assert 7.5 <= fetch.pauses[1] < 10


def test_retry_after_beyond_the_time_is_said_at_once(daraja: Simulator) -> None:
    """Nobody waits in vain."""
    daraja.fail("429", times=None, retry_after=30)
    begun = time.monotonic()
    assert type(Fetch(daraja.base_url, real=True).failure(20)) is DarajaUnavailable
    assert time.monotonic() - begun < 5
    assert len(methods(daraja)) == 1


def test_retry_after_of_nothing_is_no_reason_to_hammer(daraja: Simulator, fetch: Fetch) -> None:
    """The pauses grow all the same."""
    daraja.fail("429", times=12, retry_after=0)
    fetch()
    assert sum(fetch.pauses) > 1.3


def test_no_request_is_sent_when_the_time_is_over(daraja: Simulator, fetch: Fetch) -> None:
    """A store may have used it up."""
    error = fetch.failure(0)
    assert type(error) is DarajaUnavailable
    assert "Timeout" in str(error)
    assert methods(daraja) == []


def test_redirect_is_not_followed(daraja: Simulator, fetch: Fetch) -> None:
    """Nothing arrives at its target, the Basic header least of all."""
    elsewhere = Always()
    with LoopbackServer(elsewhere) as target:
        daraja.fail("redirect-302", location=target.url + "/elsewhere")
        assert type(fetch.failure()) is UnexpectedAnswer
    assert elsewhere.requests == []


@pytest.mark.parametrize("location", ["http://[", "http://host:port/", "\xe9\xff", "//", "https://a..b/"])
def test_redirect_to_nowhere_is_an_unexpected_answer(daraja: Simulator, fetch: Fetch, location: str) -> None:
    """It is not even parsed."""
    daraja.fail("redirect-302", location=location)
    assert type(fetch.failure()) is UnexpectedAnswer


def test_redirect_without_end_is_not_read_to_its_end() -> None:
    """64 KiB and the time bound it like any other answer."""
    sent = []

    def talk(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /on\r\n\r\n")
        while True:
            sent.append(connection.send(b"x" * 65536))

    with listening(talk) as port:
        assert type(Fetch(f"http://127.0.0.1:{port}").failure(5)) is UnexpectedAnswer
    assert sum(sent) < 50_000_000


OK = b"HTTP/1.1 200 OK\r\n"
NO_HTTP = [b"", b"nonsense\r\n\r\n", OK, OK + b"A: b\r\n" * 200, OK + b"Content-Length: 3, 4\r\n\r\n"]
NO_HTTP += [OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"]


@pytest.mark.parametrize("reply", NO_HTTP)
def test_what_is_no_http_is_no_answer(reply: bytes) -> None:
    """One of our errors, whatever the HTTP client makes of it."""

    def talk(connection: socket.socket) -> None:
        head(connection)
        connection.sendall(reply)

    with listening(talk) as port:
        error = Fetch(f"http://127.0.0.1:{port}", real=True).failure(0.3)
    assert type(error) in (DarajaUnavailable, UnexpectedAnswer)


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:1", "https://a..b", "https://daraja.invalid"])
def test_host_that_cannot_be_reached_is_unavailable(base_url: str) -> None:
    """Refused, no host name at all, or none that is known."""
    error = Fetch(base_url, real=True).failure(0.3)
    assert (type(error), error.retryable) == (DarajaUnavailable, True)


def test_secret_that_is_no_text_is_refused_by_daraja(fetch: Fetch) -> None:
    """JSON in a store can hold half a character; it is not ours to stumble over."""
    assert type(fetch.failure(pair=Credentials(KEY, "\ud800"))) is CredentialsRejected


def test_netrc_does_not_take_the_place_of_the_pair(daraja: Simulator, fetch: Fetch) -> None:
    """requests would put it there."""
    netrc = Path.home() / ".netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\ndefault login any password thing\n")
    netrc.chmod(0o600)
    fetch()
    assert [request.consumer_key for request in daraja.token_requests] == [KEY]


def test_proxy_of_the_environment_is_used(daraja: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless NO_PROXY says otherwise."""
    forward = Always(200, b'{"access_token": "by-proxy", "expires_in": "3599"}')
    with LoopbackServer(forward) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert Fetch(daraja.base_url)().value == "by-proxy"
        assert forward.requests[0].path.startswith(daraja.base_url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert daraja.is_current(Fetch(daraja.base_url)().value)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Simulator]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "daraja.pem"))
    with Simulator(KEY, SECRET, tls=context) as running:
        yield running


def test_tls_that_does_not_verify_is_not_retried(secure: Simulator) -> None:
    """Nothing is sent; the hint names the CA settings."""
    fetch = Fetch(secure.base_url)
    error = fetch.failure()
    assert (type(error), error.retryable, fetch.pauses) == (DarajaUnavailable, False, [])
    assert "REQUESTS_CA_BUNDLE" in str(error.hint)
    assert methods(secure) == []


def test_ca_of_the_environment_is_trusted(secure: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As requests does it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "daraja.pem"))
    assert secure.is_current(Fetch(secure.base_url)().value)


def test_tls_that_breaks_off_is_retried() -> None:
    """It is an outage, and says nothing of certificates."""
    seen = []

    def talk(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))

    with listening(talk) as port:
        error = Fetch(f"https://127.0.0.1:{port}", real=True).failure(0.5)
    assert (type(error), error.retryable) == (DarajaUnavailable, True)
    assert len(seen) > 1
