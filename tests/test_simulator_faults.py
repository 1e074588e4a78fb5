"""The faults of the simulated Daraja, as a client meets them."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from mpesa_secrets.simulator import FAULTS, Simulator
from tests.daraja_client import KEY, SECRET, TOKEN, ask, basic, pay

SILENT = {"hang", "reset", "close"}
UNENDING = {"hang", "drip-body", "drip-headers", "endless-body"}


@pytest.fixture
def daraja() -> Iterator[Simulator]:
    with Simulator(KEY, SECRET) as running:
        yield running


@pytest.mark.parametrize("name", sorted(set(FAULTS) - UNENDING - {"slow"}))
def test_fault_spoils_one_answer_and_the_next_is_good(daraja: Simulator, name: str) -> None:
    """Each fault that ends by itself can be played, is noted, and is used up."""
    daraja.fail(name)
    try:
        status = ask(daraja).status
    except (http.client.IncompleteRead, http.client.RemoteDisconnected, ConnectionResetError):
        status = 200 if name == "short-length" else 0
    noted = daraja.token_requests[0]
    assert (noted.fault, noted.status, noted.consumer_key, noted.method) == (name, status, KEY, "GET")
    assert (status == 0) == (name in SILENT)
    assert status == next((int(part) for part in name.split("-") if part.isdecimal()), status)
    assert ask(daraja).status == 200


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("reset", ConnectionResetError),
        ("close", http.client.RemoteDisconnected),
        ("short-length", http.client.IncompleteRead),
    ],
)
def test_broken_connection_is_broken_as_named(daraja: Simulator, fault: str, failure: type[Exception]) -> None:
    """Each in its own way on the wire."""
    daraja.fail(fault)
    with pytest.raises(failure) as raised:
        ask(daraja)
    assert type(raised.value) is failure


@pytest.mark.parametrize("fault", ["long-body", "utf16-200", "bom-200", "not-json-200", "latin1"])
def test_broken_body_is_no_json_in_utf_8(daraja: Simulator, fault: str) -> None:
    """Who decodes it blindly fails."""
    daraja.fail(fault)
    body = ask(daraja).body
    with pytest.raises(ValueError):
        json.loads(body.decode("utf-8"))


def test_broken_gzip_has_no_end(daraja: Simulator) -> None:
    """It begins well."""
    daraja.fail("broken-gzip")
    with pytest.raises(EOFError):
        gzip.decompress(ask(daraja).body)


@pytest.mark.parametrize(
    ("fault", "options", "header", "value"),
    [
        ("429", {"retry_after": 7}, "retry-after", "7"),
        ("redirect-302", {"location": "https://elsewhere.test/"}, "location", "https://elsewhere.test/"),
        ("answer", {"headers": {"X-A": "b"}}, "x-a", "b"),
    ],
)
def test_option_of_a_fault_reaches_the_header(
    daraja: Simulator, fault: str, options: dict[str, Any], header: str, value: str
) -> None:
    """Faults can be shaped."""
    daraja.fail(fault, **options)
    assert ask(daraja).headers[header] == value


def test_retry_after_can_be_a_date(daraja: Simulator) -> None:
    """As HTTP allows."""
    daraja.fail("429", retry_after=60, as_date=True)
    assert ask(daraja).headers["retry-after"].endswith(" GMT")


@pytest.mark.parametrize("value", [None, 0, -1, "", " 3599 ", 1.5, "soon", {}, 10**9])
def test_lifetime_can_be_any_json_value(daraja: Simulator, value: object) -> None:
    """And still comes with a good token."""
    daraja.fail("expires-in", expires_in=value)
    answer = ask(daraja)
    assert answer.json["expires_in"] == value
    assert daraja.is_current(answer.token)


def test_lifetime_can_be_missing(daraja: Simulator) -> None:
    """Without the option there is no such field."""
    daraja.fail("expires-in")
    assert list(ask(daraja).json) == ["access_token"]


def test_fault_in_a_good_answer_does_not_let_a_wrong_pair_in(daraja: Simulator) -> None:
    """A refusal stays a refusal."""
    daraja.fail("extra-fields")
    assert ask(daraja, KEY, "wrong").status == 400


def test_same_token_comes_again_with_what_is_left_of_it() -> None:
    """Some servers hand out the same token until it ends."""
    now = [1000.0]
    with Simulator(KEY, SECRET, lifetime=60, clock=lambda: now[0]) as daraja:
        token = ask(daraja).token
        now[0] += 20
        daraja.fail("same-token")
        assert ask(daraja).json == {"access_token": token, "expires_in": "40"}


def test_echoed_secrets_are_all_there(daraja: Simulator) -> None:
    """What a client must never print."""
    daraja.fail("echo-secret")
    message = str(ask(daraja).json["errorMessage"])
    assert basic() in message
    assert f"{KEY}:{SECRET}" in message
    assert "access_token" in message


def test_lost_answer_may_have_cost_the_token_in_use(daraja: Simulator) -> None:
    """`issue` does the work and spoils the answer only."""
    token = ask(daraja).token
    daraja.fail("504")
    ask(daraja)
    assert daraja.is_current(token)
    daraja.fail("504", issue=True)
    ask(daraja)
    assert not daraja.is_current(token)


def test_fault_stays_until_it_is_cleared(daraja: Simulator) -> None:
    """times=None has no end of its own."""
    daraja.fail("503", times=None)
    assert [ask(daraja).status for _ in range(3)] == [503] * 3
    daraja.clear()
    assert ask(daraja).status == 200


def test_fault_for_a_path_leaves_the_others_alone(daraja: Simulator) -> None:
    """Business APIs can fail, too."""
    daraja.fail("404.001.03", path="/mpesa/stkpush")
    token = ask(daraja).token
    assert pay(daraja, token).status == 200
    assert pay(daraja, token, "/mpesa/stkpush/v1/processrequest").status == 404


@pytest.mark.parametrize(
    ("name", "options"),
    [("nonsense", {}), ("429", {"retry": 1}), ("503", {"times": 0}), ("empty-token", {"a": 1})],
)
def test_unknown_fault_or_option_is_refused(daraja: Simulator, name: str, options: dict[str, Any]) -> None:
    """At once, not when it is due."""
    with pytest.raises(ValueError):
        daraja.fail(name, options.pop("times", 1), **options)


@pytest.mark.parametrize("fault", sorted(UNENDING))
def test_unending_fault_ends_with_stop(fault: str) -> None:
    """Somebody who waits is let go, and so is the thread."""
    with Simulator(KEY, SECRET) as daraja, _question(daraja) as client:
        daraja.fail(fault)
        _put(client)
        _until_asked(daraja, 1)
        daraja.stop()
        assert _reads_to_the_end(client)


@pytest.mark.parametrize("fault", sorted(UNENDING))
def test_unending_fault_ends_with_the_client(daraja: Simulator, fault: str) -> None:
    """Who has hung up is not served any longer, however slow the drip."""
    options: dict[str, Any] = {"interval": 3600} if "drip" in fault else {}
    daraja.fail(fault, **options)
    with _question(daraja) as client:
        _put(client)
        client.shutdown(socket.SHUT_WR)
        assert _reads_to_the_end(client)


def test_drip_comes_byte_by_byte(daraja: Simulator) -> None:
    """Headers at once, and the body complete in the end."""
    daraja.fail("drip-body", interval=0.001)
    assert daraja.is_current(ask(daraja).token)


def test_slow_answer_comes_after_the_decision(daraja: Simulator) -> None:
    """The token of before is dead while the answer is on its way."""
    token = ask(daraja).token
    daraja.fail("slow", seconds=30)
    with _question(daraja) as client:
        _put(client)
        _until_asked(daraja, 2)
        assert not daraja.is_current(token)


def test_latency_is_that_of_every_answer(daraja: Simulator) -> None:
    """Nothing comes before it is over."""
    daraja.latency = 30
    with _question(daraja) as client:
        _put(client)
        _until_asked(daraja, 1)
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.recv(1)


def _question(daraja: Simulator) -> socket.socket:
    url = urlsplit(daraja.base_url)
    return socket.create_connection((url.hostname, url.port), timeout=5)


def _put(client: socket.socket) -> None:
    client.sendall(f"GET {TOKEN} HTTP/1.1\r\nHost: daraja\r\nAuthorization: {basic()}\r\n\r\n".encode())


def _until_asked(daraja: Simulator, times: int) -> None:
    for _ in range(500):
        if len(daraja.token_requests) == times:
            return
        time.sleep(0.01)
    pytest.fail("nothing was asked")


def _reads_to_the_end(client: socket.socket) -> bool:
    """Whether the server ends the connection; raises TimeoutError if it does not."""
    with suppress(ConnectionResetError):
        while client.recv(65536):
            continue
    return True
