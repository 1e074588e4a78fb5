"""The proxy that fails on request, with the clients that go through it."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.servers.aws import Aws
from tests.servers.faulty import FaultyProxy
from tests.servers.loopback import Answer, LoopbackServer, Request
from tests.servers.openbao import OpenBao


@pytest.fixture
def upstream() -> Iterator[LoopbackServer]:
    """A server that counts its requests in the answers."""
    seen: list[Request] = []

    def answer(request: Request) -> Answer:
        seen.append(request)
        return Answer(200, json.dumps({"count": len(seen), "body": request.body.decode()}).encode())

    with LoopbackServer(answer) as server:
        yield server


@pytest.fixture
def proxy(upstream: LoopbackServer, faulty_proxy: Callable[[str], FaultyProxy]) -> FaultyProxy:
    """A proxy before `upstream`."""
    return faulty_proxy(upstream.url)


def ask(proxy: FaultyProxy, path: str = "/") -> tuple[int, bytes]:
    """Returns status and body of an answer through the proxy."""
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=5)
    try:
        connection.request("POST", path, "hello")
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_without_a_fault_it_only_forwards(proxy: FaultyProxy) -> None:
    """Method, path and body reach the other side, and are remembered."""
    assert ask(proxy, "/a?b=c") == (200, b'{"count": 1, "body": "hello"}')
    assert [(seen.method, seen.path, seen.status) for seen in proxy.requests] == [("POST", "/a?b=c", 200)]


@pytest.mark.parametrize(("fault", "forwarded"), [("drop-before", False), ("drop-after", True)])
def test_it_drops_the_planned_request_only(proxy: FaultyProxy, fault: str, forwarded: bool) -> None:
    """Before the other side has heard of it, or after."""
    proxy.fail(2, fault)
    ask(proxy)
    with pytest.raises(http.client.RemoteDisconnected):
        ask(proxy)
    assert json.loads(ask(proxy)[1])["count"] == (3 if forwarded else 2)
    assert [seen.status for seen in proxy.requests] == [200, None, 200]


@pytest.mark.parametrize(("fault", "status", "count"), [("500", 500, 1), ("503", 503, 1), ("403-after", 403, 2)])
def test_it_answers_with_an_error(proxy: FaultyProxy, fault: str, status: int, count: int) -> None:
    """Instead of forwarding, or after it."""
    proxy.fail(1, fault)
    assert ask(proxy)[0] == status
    assert json.loads(ask(proxy)[1])["count"] == count


def test_it_garbles_an_answer(proxy: FaultyProxy) -> None:
    """The body is no JSON any more."""
    proxy.fail(1, "corrupt")
    with pytest.raises(ValueError):
        json.loads(ask(proxy)[1])


def test_it_hangs_until_cleared(proxy: FaultyProxy) -> None:
    """The client waits, until the connection is closed."""
    proxy.fail_all("hang")
    threading.Timer(0.2, proxy.clear).start()
    with pytest.raises(http.client.RemoteDisconnected):
        ask(proxy)
    assert ask(proxy)[0] == 200


def test_it_is_slow_for_a_while(proxy: FaultyProxy) -> None:
    """The answer comes, later than an impatient client waits."""
    proxy.fail(1, "slow", seconds=0.3)
    connection = http.client.HTTPConnection(proxy.url.removeprefix("http://"), timeout=0.1)
    connection.request("GET", "/")
    with pytest.raises(TimeoutError):
        connection.getresponse()
    connection.close()
    assert ask(proxy)[0] == 200


@pytest.mark.parametrize("fault", ["drop", "dropafter", "500-before", "slow-after"])
def test_a_fault_that_it_does_not_know_is_an_error(proxy: FaultyProxy, fault: str) -> None:
    """A misspelt fault would make a test that cannot fail."""
    with pytest.raises(ValueError, match="no such fault"):
        proxy.fail(1, fault)


def test_boto3_goes_through_it(aws: Aws, faulty_proxy: Callable[[str], FaultyProxy]) -> None:
    """Faults are picked by the operation, and boto3 sees them as errors of AWS."""
    proxy = faulty_proxy(aws.endpoint)
    client = aws.client("secretsmanager", proxy.url)
    client.create_secret(Name="a", SecretString="{}")
    proxy.fail_when(lambda request: request.target == "secretsmanager.GetSecretValue", "403", times=1)
    with pytest.raises(client.exceptions.ClientError, match="AccessDeniedException"):
        client.get_secret_value(SecretId="a")
    assert client.get_secret_value(SecretId="a")["SecretString"] == "{}"


def test_hvac_goes_through_it(openbao: OpenBao, kv2_mount: str, faulty_proxy: Callable[[str], FaultyProxy]) -> None:
    """hvac sees faults as errors of Vault."""
    import hvac

    openbao.put_v2(kv2_mount, "a", {"n": 1})
    proxy = faulty_proxy(openbao.address)
    client = hvac.Client(proxy.url, openbao.root_token)
    proxy.fail(1, "403")
    with pytest.raises(hvac.exceptions.Forbidden):
        client.secrets.kv.v2.read_secret("a", mount_point=kv2_mount, raise_on_deleted_version=True)
    read = client.secrets.kv.v2.read_secret("a", mount_point=kv2_mount, raise_on_deleted_version=True)
    client.adapter.close()
    assert read["data"]["data"] == {"n": 1}
