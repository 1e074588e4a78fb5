"""Calls to Daraja's business APIs, signed by `mpesa.auth`."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mpesa_secrets import ConfigurationError, CredentialsRejected
from mpesa_secrets.simulator import Simulator
from tests.servers.loopback import Answer, LoopbackServer, Request
from tests.shelf import together
from tests.token_fixtures import Always, Client

B2C = "/mpesa/b2c/v3/paymentrequest"
STK = "/mpesa/stkpush/v1/processrequest"
PATHS = [B2C, "/mpesa/c2b/v2/registerurl", STK, "/mpesa/reversal/v1/request", "/mpesa/qrcode/v1/generate"]
REFUSED = json.dumps({"errorCode": "401.002.01", "errorMessage": "Invalid Access Token"}).encode()


class Api:
    """A business API that refuses the first token that it sees, and takes every other."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._first: str | None = None

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        self._first = self._first or request.headers["Authorization"]
        return Answer(401, REFUSED) if request.headers["Authorization"] == self._first else Answer(200, b"{}")

    @property
    def bodies(self) -> list[bytes]:
        """What came in, in order."""
        return [request.body for request in self.requests]


@pytest.fixture
def api() -> Iterator[tuple[Api, str]]:
    """The API and its URL, on the host of the base URL."""
    served = Api()
    with LoopbackServer(served) as server:
        yield served, server.url + B2C


def test_call_carries_the_token(client: Client, daraja: Simulator) -> None:
    """One request for it, however many calls, with a session's auth as well."""
    with requests.Session() as session:
        session.auth = client().auth
        assert [session.post(daraja.base_url + path, json={}).status_code for path in PATHS] == [200] * 5
    assert len(daraja.token_requests) == 1


@pytest.mark.parametrize("path", PATHS)
def test_refused_token_is_replaced_and_the_call_repeated(client: Client, daraja: Simulator, path: str) -> None:
    """Each API says it in its own way: 401, 404 or 400, with codes of their own."""
    mpesa = client()
    mpesa.token()
    daraja.expire_tokens()
    answer = requests.post(daraja.base_url + path, json={"Amount": 1}, auth=mpesa.auth, timeout=5)
    assert (answer.status_code, answer.json()["echo"]) == (200, path)
    assert [refused.status_code for refused in answer.history] == [daraja.business_requests[0].status]
    assert (len(daraja.token_requests), len(daraja.business_requests)) == (2, 2)


@pytest.mark.parametrize("fault", ["401.002.01", "401.003.01", "404.001.03", "400.003.01", "400.002.01", "401"])
def test_every_code_of_a_refused_token_is_known(client: Client, daraja: Simulator, fault: str) -> None:
    """The older ones, and a 401 without any."""
    daraja.fail(fault, path="/mpesa/")
    assert requests.get(daraja.base_url + B2C, auth=client().auth, timeout=5).status_code == 200
    assert len(daraja.token_requests) == 2


@pytest.mark.parametrize("fault", ["404", "plain-400", "500", "503", "forbidden-403", "wrong-grant"])
def test_other_refusals_are_left_alone(client: Client, daraja: Simulator, fault: str) -> None:
    """They say nothing of the token."""
    daraja.fail(fault, path="/mpesa/")
    answer = requests.get(daraja.base_url + B2C, auth=client().auth, timeout=5)
    assert answer.status_code >= 400
    assert (len(daraja.token_requests), len(daraja.business_requests)) == (1, 1)


def at_offset() -> io.BytesIO:
    """A file that was read halfway."""
    file = io.BytesIO(b"abcdef")
    file.seek(3)
    return file


@pytest.mark.parametrize(
    ("arguments", "body"),
    [
        (lambda: {"data": b"bytes"}, b"bytes"),
        (lambda: {"data": "text"}, b"text"),
        (lambda: {"json": {"a": 1}}, b'{"a": 1}'),
        (lambda: {"data": {"a": "1"}}, b"a=1"),
        (lambda: {"data": io.BytesIO(b"abcdef")}, b"abcdef"),
        (lambda: {"data": at_offset()}, b"def"),
        (dict, b""),
    ],
)
def test_body_is_sent_again_as_it_was(
    client: Client, api: tuple[Api, str], arguments: Callable[[], dict[str, Any]], body: bytes
) -> None:
    """From where it began."""
    served, url = api
    assert requests.post(url, auth=client().auth, timeout=5, **arguments()).status_code == 200
    assert served.bodies == [body, body]


def test_file_is_sent_again(client: Client, api: tuple[Api, str], tmp_path: Path) -> None:
    """As data, and as a part of a form."""
    served, url = api
    (tmp_path / "file").write_bytes(b"content")
    mpesa = client()
    with (tmp_path / "file").open("rb") as file:
        assert requests.post(url, data=file, auth=mpesa.auth, timeout=5).status_code == 200
    served._first = mpesa.token().header
    with (tmp_path / "file").open("rb") as file:
        assert requests.post(url, files={"f": file}, auth=mpesa.auth, timeout=5).status_code == 200
    assert served.bodies[:2] == [b"content", b"content"]
    assert served.bodies[2] == served.bodies[3]


def test_body_that_is_gone_is_not_sent_again(client: Client, api: tuple[Api, str]) -> None:
    """The refusal is the answer; the next call has a new token."""
    served, url = api
    mpesa = client()

    def generated() -> Iterator[bytes]:
        yield b"once"

    answer = requests.post(url, data=generated(), auth=mpesa.auth, timeout=5)
    assert (answer.status_code, answer.content) == (401, REFUSED)
    assert len(served.requests) == 1
    assert requests.post(url, auth=mpesa.auth, timeout=5).status_code == 200
    assert len(served.requests) == 2


@pytest.mark.parametrize("fault", [None, "404", "plain-400", "404.001.03", "401.002.01"])
def test_streamed_answer_can_still_be_read(client: Client, daraja: Simulator, fault: str | None) -> None:
    """Whether it was looked into or not, repeated or not."""
    if fault:
        daraja.fail(fault, path="/mpesa/", times=None)
    with requests.get(daraja.base_url + B2C, auth=client().auth, stream=True, timeout=5) as answer:
        assert len(b"".join(answer.iter_content(7))) == int(answer.headers["Content-Length"]) > 0


def test_product_that_is_not_enabled_is_no_loop(client: Client, daraja: Simulator) -> None:
    """404.001.03 means that, too: one new token, and then the answer is the answer."""
    daraja.fail("404.001.03", path="/mpesa/stkpush", times=None)
    auth = client().auth
    answers = [requests.post(daraja.base_url + STK, json={}, auth=auth, timeout=5) for _ in range(6)]
    assert [answer.json()["errorCode"] for answer in answers] == ["404.001.03"] * 6
    assert len(daraja.token_requests) == 2
    assert len(daraja.business_requests) == 7
    assert requests.post(daraja.base_url + B2C, json={}, auth=auth, timeout=5).status_code == 200


def test_twenty_refused_calls_cost_one_token(client: Client, daraja: Simulator) -> None:
    """And all of them succeed."""
    mpesa = client(timeout=5)
    mpesa.token()
    daraja.expire_tokens()
    daraja.latency = 0.05
    calls = together(20, lambda: requests.post(daraja.base_url + B2C, json={}, auth=mpesa.auth, timeout=5))
    assert [getattr(call, "status_code", call) for call in calls] == [200] * 20
    assert len(daraja.token_requests) == 2


def test_token_taken_away_by_another_process_is_replaced(client: Client, daraja: Simulator) -> None:
    """The last token wins; two clients live with it."""
    one, other = client(), client()
    for _ in range(3):
        assert requests.get(daraja.base_url + B2C, auth=one.auth, timeout=5).status_code == 200
        assert requests.get(daraja.base_url + B2C, auth=other.auth, timeout=5).status_code == 200
    assert len(daraja.token_requests) == 6


def test_pair_that_is_refused_meanwhile_is_heard(client: Client, daraja: Simulator) -> None:
    """As our own error, out of the call."""
    mpesa = client()
    mpesa.token()
    daraja.revoke(daraja.consumer_key)
    with pytest.raises(CredentialsRejected):
        requests.get(daraja.base_url + B2C, auth=mpesa.auth, timeout=5)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/",
        "http://127.0.0.2:{port}/",
        "http://127.0.0.1.elsewhere.test/",
        "https://127.0.0.1@elsewhere.test/",
        "https://elsewhere.test\\@127.0.0.1/",
        "https://elsewhere.test/?127.0.0.1",
        "https://elsewhere.test#127.0.0.1",
    ],
)
def test_other_host_is_refused(client: Client, daraja: Simulator, url: str) -> None:
    """Before there is a token, and before anything is sent."""
    with pytest.raises(ConfigurationError, match="not a host"):
        requests.get(url.format(port=daraja.base_url.rpartition(":")[2]), auth=client().auth, timeout=5)
    assert (daraja.token_requests, daraja.business_requests) == ([], [])


@pytest.mark.parametrize("hosts", ["localhost, gateway.test", "LOCALHOST:{port}", ["localhost"]])
def test_further_hosts_can_be_named(client: Client, daraja: Simulator, hosts: str | list[str]) -> None:
    """With or without a port."""
    port = daraja.base_url.rpartition(":")[2]
    hosts = hosts.format(port=port) if isinstance(hosts, str) else hosts
    url = f"http://localhost:{port}{B2C}"
    assert requests.get(url, auth=client(api_hosts=hosts).auth, timeout=5).status_code == 200


def test_port_that_is_not_named_is_refused(client: Client, daraja: Simulator) -> None:
    """Where a port was."""
    url = daraja.base_url.replace("127.0.0.1", "localhost")
    with pytest.raises(ConfigurationError):
        requests.get(url, auth=client(api_hosts="localhost:1").auth, timeout=5)


def test_plain_http_is_for_this_machine_only(client: Client, daraja: Simulator) -> None:
    """Even to a host that may have the token."""
    with pytest.raises(ConfigurationError, match="plain http"):
        requests.get("http://gateway.test/", auth=client(api_hosts="gateway.test").auth, timeout=5)
    assert daraja.token_requests == []


def test_redirect_to_another_host_goes_without_the_token(client: Client, daraja: Simulator) -> None:
    """And what that host says of it does not count."""
    elsewhere = Always(401, REFUSED)
    with LoopbackServer(elsewhere) as target:
        location = target.url.replace("127.0.0.1", "localhost") + "/"
        daraja.fail("redirect-302", path="/mpesa/", location=location)
        assert requests.get(daraja.base_url + B2C, auth=client().auth, timeout=5).status_code == 401
    assert [request.headers.get("Authorization") for request in elsewhere.requests] == [None]
    assert len(daraja.token_requests) == 1


def test_redirect_on_the_same_host_is_signed_and_repeated(client: Client, daraja: Simulator) -> None:
    """As the call itself."""
    daraja.fail("redirect-302", path="/mpesa/b2c", location=STK)
    daraja.fail("404.001.03", path="/mpesa/stkpush")
    answer = requests.get(daraja.base_url + B2C, auth=client().auth, timeout=5)
    assert (answer.status_code, answer.json()["echo"]) == (200, STK)
    assert len(daraja.token_requests) == 2


def test_netrc_does_not_take_the_place_of_the_token(client: Client, daraja: Simulator) -> None:
    """requests would put it there."""
    (Path.home() / ".netrc").write_text("default login any password thing\n")
    (Path.home() / ".netrc").chmod(0o600)
    assert requests.get(daraja.base_url + B2C, auth=client().auth, timeout=5).status_code == 200


def test_prepared_call_can_be_sent_twice(client: Client, daraja: Simulator) -> None:
    """The token in it may be over by then."""
    mpesa = client()
    prepared = requests.Request("POST", daraja.base_url + B2C, json={"a": 1}, auth=mpesa.auth).prepare()
    with requests.Session() as session:
        assert session.send(prepared).status_code == 200
        daraja.expire_tokens()
        assert session.send(prepared).status_code == 200
    assert len(daraja.token_requests) == 2


def test_auth_may_be_used_while_others_replace_the_token(client: Client, daraja: Simulator) -> None:
    """Calls and refusals mixed, from many threads."""
    mpesa = client(timeout=5)
    spoil = threading.Timer(0.05, daraja.expire_tokens)
    spoil.start()

    def calls() -> set[int]:
        return {requests.get(daraja.base_url + B2C, auth=mpesa.auth, timeout=5).status_code for _ in range(4)}

    assert together(8, calls) == [{200}] * 8
    spoil.join()
    assert len(daraja.token_requests) <= 3
