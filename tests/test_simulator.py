"""The simulated Daraja, asked over real HTTP as any client would."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from mpesa_secrets.simulator import FAULTS, Simulator
from tests.daraja_client import KEY, SECRET, TOKEN, ask, basic, call, connect, pay


@pytest.fixture
def daraja() -> Iterator[Simulator]:
    with Simulator(KEY, SECRET) as running:
        yield running


def test_right_pair_gets_a_token_like_the_real_ones(daraja: Simulator) -> None:
    """28 letters and digits, and the lifetime as text."""
    answer = ask(daraja)
    assert answer.status == 200
    assert len(answer.token) == 28
    assert answer.token.isalnum()
    assert answer.json["expires_in"] == "3599"


def test_lifetime_can_be_a_number() -> None:
    """As the documentation has it."""
    with Simulator(KEY, SECRET, integer_lifetime=True, lifetime=60) as daraja:
        assert ask(daraja).json["expires_in"] == 60


@pytest.mark.parametrize(("key", "secret"), [(KEY, "wrong"), ("wrong", SECRET), (KEY, SECRET + "\n")])
def test_wrong_pair_gets_an_empty_400(daraja: Simulator, key: str, secret: str) -> None:
    """The usual refusal gives no reason."""
    answer = ask(daraja, key, secret)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (400, b"", "0")


@pytest.mark.parametrize(("refusal", "status"), [("invalid-400", 400), ("401", 401)])
def test_refusal_takes_other_shapes(refusal: str, status: int) -> None:
    """JSON with a requestId, for whoever wants it."""
    with Simulator(KEY, SECRET, refusal=refusal) as daraja:
        answer = ask(daraja, KEY, "wrong")
        assert answer.status == status
        assert {"requestId", "errorCode", "errorMessage"} == set(answer.json)


@pytest.mark.parametrize(
    ("method", "path", "authorization", "code"),
    [
        ("POST", TOKEN, basic(), "404.001.04"),
        ("GET", TOKEN, "", "404.001.04"),
        ("GET", "/oauth/v1/generate", basic(), "400.008.02"),
        ("GET", "/oauth/v1/generate?grant_type=password", basic(), "400.008.02"),
    ],
)
def test_wrong_question_gets_its_code(daraja: Simulator, method: str, path: str, authorization: str, code: str) -> None:
    """Method, header and grant type are looked at."""
    answer = call(daraja, method, path, authorization)
    assert (str(answer.status), answer.json["errorCode"]) == (code[:3], code)


@pytest.mark.parametrize(("method", "statuses"), [("POST", [404, 200]), ("ANY", [200, 200])])
def test_endpoint_may_want_another_method(method: str, statuses: list[int]) -> None:
    """What the real service says to POST is not known."""
    with Simulator(KEY, SECRET, method=method) as daraja:
        assert [call(daraja, verb, TOKEN, basic()).status for verb in ("GET", "POST")] == statuses


def test_last_token_wins(daraja: Simulator) -> None:
    """A second token ends the first one, and leaves another app's alone."""
    daraja.accept("other", "pair")
    first, other, second = ask(daraja).token, ask(daraja, "other", "pair").token, ask(daraja).token
    assert [daraja.is_current(token) for token in (first, other, second)] == [False, True, True]
    assert [pay(daraja, token).status for token in (first, other, second)] == [401, 200, 200]


def test_older_tokens_live_on_where_that_is_asked_for() -> None:
    """The other world."""
    with Simulator(KEY, SECRET, last_token_wins=False) as daraja:
        assert all(daraja.is_current(token) for token in [ask(daraja).token, ask(daraja).token])


def test_token_ends_with_its_lifetime() -> None:
    """By the clock that was given."""
    now = [1000.0]
    with Simulator(KEY, SECRET, lifetime=60, clock=lambda: now[0]) as daraja:
        token = ask(daraja).token
        now[0] += 59
        assert daraja.is_current(token)
        now[0] += 1
        assert not daraja.is_current(token)


@pytest.mark.parametrize("end", [Simulator.expire_tokens, lambda daraja: daraja.revoke(KEY)])
def test_tokens_end_on_the_servers_side(daraja: Simulator, end: Callable[[Simulator], None]) -> None:
    """All at once, or with their app."""
    token = ask(daraja).token
    end(daraja)
    assert pay(daraja, token).status == 401


def test_revoked_pair_is_refused(daraja: Simulator) -> None:
    """Its app is gone from the portal."""
    daraja.revoke(KEY)
    assert ask(daraja).status == 400


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/mpesa/accountbalance/v1/query", "401.002.01"),
        ("/mpesa/c2b/v2/registerurl", "401.003.01"),
        ("/mpesa/stkpush/v1/processrequest", "404.001.03"),
        ("/mpesa/stkpushquery/v1/query", "404.001.03"),
        ("/mpesa/reversal/v1/request", "404.001.03"),
        ("/mpesa/qrcode/v1/generate", "400.003.01"),
    ],
)
def test_business_apis_refuse_a_token_each_in_its_way(daraja: Simulator, path: str, code: str) -> None:
    """And take a current one."""
    refused, taken = pay(daraja, "stale", path), pay(daraja, ask(daraja).token, path)
    assert (str(refused.status), refused.json["errorCode"]) == (code[:3], code)
    assert (taken.status, taken.json["ResponseCode"], taken.json["echo"]) == (200, "0", path)


def test_refusal_of_a_token_repeats_it(daraja: Simulator) -> None:
    """The leak of the real service."""
    assert "stale-token" in str(pay(daraja, "stale-token").json["errorMessage"])


def test_connection_stays_for_the_next_request(daraja: Simulator) -> None:
    """HTTP/1.1 keep-alive, bodies read to their end, chunked ones too."""
    connection = connect(daraja)
    for body in (b"x" * 70000, iter([b"ab", b"cd"]), b""):
        connection.request("POST", "/mpesa/b2c/v1/paymentrequest", body)
        own_port = connection.sock.getsockname()
        assert connection.getresponse().read()
        assert connection.sock.getsockname() == own_port
    connection.close()


def test_what_is_no_http_is_sent_away(daraja: Simulator) -> None:
    """And does no harm."""
    url = urlsplit(daraja.base_url)
    with socket.create_connection((url.hostname, url.port), timeout=5) as client:
        client.sendall(b"hello\r\n\r\n")
        assert client.recv(100).startswith(b"HTTP/1.1 400")
    assert ask(daraja).status == 200


def test_three_hundred_connections_at_once(daraja: Simulator) -> None:
    """All are open before the first one asks, and each gets its answer."""
    connections = [connect(daraja) for _ in range(300)]
    for connection in connections:
        connection.connect()
    for connection in connections:
        connection.request("GET", TOKEN, headers={"Authorization": basic()})
    assert {connection.getresponse().status for connection in connections} == {200}
    for connection in connections:
        connection.close()
    assert len(daraja.token_requests) == 300


def test_service_comes_back_at_its_address(daraja: Simulator) -> None:
    """stop() refuses connections, start() takes the same port, and apps and tokens are as before."""
    token = ask(daraja).token
    daraja.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(daraja)
    daraja.start()
    assert pay(daraja, token).status == 200


def test_port_that_is_taken_is_an_error(daraja: Simulator) -> None:
    """In the thread that starts it."""
    port = urlsplit(daraja.base_url).port
    with pytest.raises(OSError, match="in use"):
        Simulator(port=port or 0).start()


@pytest.mark.parametrize("setting", [{"method": "PUT"}, {"refusal": "nonsense"}])
def test_setting_that_does_not_exist_is_refused(setting: dict[str, Any]) -> None:
    """Before anything is started."""
    with pytest.raises(ValueError, match="it is one of"):
        Simulator(**setting)


def test_control_door_queues_and_clears_faults(daraja: Simulator) -> None:
    """For tests in other processes."""
    order = {"fault": "answer", "times": None, "options": {"status": 418}}
    assert call(daraja, "POST", "/simulator/faults", body=order).status == 200
    assert [ask(daraja).status for _ in range(2)] == [418, 418]
    assert call(daraja, "DELETE", "/simulator/faults").status == 200
    assert ask(daraja).status == 200


@pytest.mark.parametrize("order", [{"fault": "nonsense"}, {"fault": "429", "options": {"no": 1}}, [], {}])
def test_control_door_refuses_what_it_does_not_know(daraja: Simulator, order: object) -> None:
    """With a word on what is wrong, and for an unknown fault the names that there are."""
    answer = call(daraja, "POST", "/simulator/faults", body=order)
    assert answer.status == 400
    assert answer.json["error"]
    if order == {"fault": "nonsense"}:
        assert answer.json["faults"] == list(FAULTS)


def test_control_door_keeps_the_portal(daraja: Simulator) -> None:
    """Apps come and go, tokens end."""
    pair = {"consumer_key": "other", "consumer_secret": "pair"}
    call(daraja, "POST", "/simulator/apps", body=pair)
    token = ask(daraja, "other", "pair").token
    call(daraja, "POST", "/simulator/expire")
    assert not daraja.is_current(token)
    call(daraja, "DELETE", "/simulator/apps", body=pair)
    assert ask(daraja, "other", "pair").status == 400


def test_control_door_counts(daraja: Simulator) -> None:
    """Requests by kind, and how many of them the rules refused."""
    pay(daraja, ask(daraja).token)
    pay(daraja, "stale")
    ask(daraja, KEY, "wrong")
    figures = call(daraja, "GET", "/simulator/stats").json
    assert figures.pop("faults") == list(FAULTS)
    assert figures == {
        "token_requests": 2,
        "business_requests": 2,
        "refused": 2,
        "refused_pairs": 1,
        "refused_tokens": 1,
    }
    assert [(request.path, request.status) for request in daraja.business_requests] == [
        ("/mpesa/b2c/v3/paymentrequest", 200),
        ("/mpesa/b2c/v3/paymentrequest", 401),
    ]
