"""The Vault store when Vault is down, slow, sealed, somebody else, or behind TLS that does not verify."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests
from mpesa_secrets_backends.stores.vault import open_store
from mpesa_secrets_backends.stores.vault.http import Session
from mpesa_secrets_backends.stores.vault.server import Server

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import AccessDenied, ConfigurationError, MpesaSecretsError, StoreUnavailable
from tests.leaks import secrets_in_traceback, shows
from tests.servers.faulty import FaultyProxy
from tests.servers.loopback import Answer, LoopbackServer, Request
from tests.servers.openbao import OpenBao
from tests.servers.processes import free_port

PAIR = {"consumer_key": "key-1", "consumer_secret": "hush-1"}
NEW = Secret({"consumer_key": "key-2", "consumer_secret": "hush-2"}, "1")
TIME = 10.0


@pytest.fixture
def url(openbao: OpenBao, openbao_environment: dict[str, str], kv2_mount: str) -> str:  # noqa: ARG001  it signs in
    """A secret in version 1 of its life."""
    openbao.put_v2(kv2_mount, "mpesa", PAIR)
    return f"vault://{kv2_mount}/mpesa"


@pytest.fixture
def proxy(
    openbao: OpenBao,
    url: str,  # noqa: ARG001  sets the address, which is replaced here
    faulty_proxy: Callable[[str], FaultyProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> FaultyProxy:
    """Stands before OpenBao and fails on request."""
    proxy = faulty_proxy(openbao.address)
    monkeypatch.setenv("VAULT_ADDR", proxy.url)
    return proxy


def is_data(request: Request) -> bool:
    """Whether a request is for the secret itself."""
    return "/data/" in request.path


def failure(call: Callable[[], object]) -> MpesaSecretsError:
    """The error that a call raises, after a look whether it shows the pair or the token."""
    with pytest.raises(MpesaSecretsError) as refusal:
        call()
    assert secrets_in_traceback(refusal.value, ["hush-1", "hush-2"]) == []
    return refusal.value


@pytest.mark.parametrize("fault", ["500", "502", "503", "429", "412", "drop-before", "drop-after", "corrupt"])
def test_a_read_survives_a_short_failure(proxy: FaultyProxy, url: str, fault: str) -> None:
    """It is sent again, wherever the failure hits."""
    proxy.fail_when(lambda request: "/ui/mounts/" in request.path, fault, times=1)
    proxy.fail_when(is_data, fault, times=2)
    assert open_store(url).read(TIME) == Secret(PAIR, "1")


@pytest.mark.parametrize("fault", ["500", "503-after", "429", "drop-before", "drop-after", "corrupt"])
def test_a_write_is_sent_once(proxy: FaultyProxy, url: str, fault: str) -> None:
    """Nobody knows what came of it: whoever asked finds out by reading."""
    store = open_store(url)
    store.read(TIME)
    proxy.fail_when(lambda request: request.method == "POST", fault)
    assert isinstance(failure(lambda: store.write(NEW, TIME)), StoreUnavailable)
    assert sum(request.method == "POST" for request in proxy.requests) == 1


@pytest.mark.parametrize("fault", ["500", "503", "429", "drop-before", "corrupt"])
def test_a_lasting_failure_is_unavailable(proxy: FaultyProxy, url: str, fault: str) -> None:
    """After a few tries, not after all the time."""
    proxy.fail_when(is_data, fault)
    error = failure(lambda: open_store(url).read(TIME))
    assert isinstance(error, StoreUnavailable)
    assert error.retryable
    assert sum(is_data(request) for request in proxy.requests) == 4


def test_a_denial_is_not_repeated(proxy: FaultyProxy, url: str) -> None:
    """The same token would be refused again."""
    proxy.fail_when(is_data, "403")
    error = failure(lambda: open_store(url).read(TIME))
    assert isinstance(error, AccessDenied)
    assert sum(is_data(request) for request in proxy.requests) == 1


def test_a_vault_that_is_down_is_unavailable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says where it was looked for."""
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{free_port()}")
    error = failure(lambda: open_store(url).read(0.5))
    assert isinstance(error, StoreUnavailable)
    assert "127.0.0.1" in str(error)


def test_a_sealed_vault_says_so(own_openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person has to unseal it; the next read then works."""
    for name, value in own_openbao.environment.items():
        monkeypatch.setenv(name, value)
    own_openbao.put_v2("secret", "mpesa", PAIR)
    store = open_store("vault://secret/mpesa")
    with own_openbao.sealed():
        error = failure(lambda: store.read(2.0))
    assert isinstance(error, StoreUnavailable)
    assert "is sealed" in str(error)
    assert store.read(TIME) == Secret(PAIR, "1")


@pytest.mark.parametrize("fault", ["hang", "hang-after"])
def test_the_time_bounds_a_hanging_vault(proxy: FaultyProxy, url: str, fault: str) -> None:
    """Reading and writing alike."""
    store = open_store(url)
    store.read(TIME)
    proxy.fail_all(fault)
    for call in (lambda: store.read(0.3), lambda: store.write(NEW, 0.3), lambda: store.annotate({"by": "me"}, 0.3)):
        began = time.monotonic()
        assert isinstance(failure(call), StoreUnavailable)
        assert time.monotonic() - began < 2.0


def test_a_write_that_comes_too_late_is_not_sent(proxy: FaultyProxy, url: str) -> None:
    """Without time for the answer nobody would know what came of it."""
    store = open_store(url)
    store.read(TIME)
    assert isinstance(failure(lambda: store.write(NEW, 0.0)), StoreUnavailable)
    assert all(request.method == "GET" for request in proxy.requests)


def test_the_time_bounds_all_requests_together(proxy: FaultyProxy, url: str) -> None:
    """Three answers that are each just in time are too late in all."""
    proxy.fail_all("slow", seconds=0.4)
    began = time.monotonic()
    assert isinstance(failure(lambda: open_store(url).read(0.6)), StoreUnavailable)
    assert time.monotonic() - began < 2.0


def test_the_time_bounds_a_dripping_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte is in time, the whole is not."""
    monkeypatch.setenv("VAULT_TOKEN", "some-token")
    with dripping() as address:
        monkeypatch.setenv("VAULT_ADDR", address)
        began = time.monotonic()
        assert isinstance(failure(lambda: open_store("vault://secret/mpesa").read(0.5)), StoreUnavailable)
        assert time.monotonic() - began < 2.0


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The addresses that this process connects to, one for each connection."""
    connected: list[object] = []
    connect = socket.socket.connect

    def counting(self: socket.socket, address: tuple[str, int]) -> None:
        connected.append(address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", counting)
    return connected


def test_connections_are_kept(openbao: OpenBao, url: str, connected: list[object]) -> None:
    """A second read needs no second handshake."""
    store = open_store(url)
    for _ in range(3):
        store.read(TIME)
    assert connected == [("127.0.0.1", openbao.port)]


@pytest.mark.parametrize("setting", ["VAULT_CACERT", "VAULT_SKIP_VERIFY"])
def test_tls_verifies_by_the_ca_or_not_at_all(
    openbao_tls: OpenBao, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """As the variables say; and what is not verified is remarked, without a warning at each request."""
    openbao_tls.put_v2("secret", "mpesa", PAIR)
    for name, value in openbao_tls.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv(setting, str(openbao_tls.ca_certificate) if setting == "VAULT_CACERT" else "true")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    with warnings.catch_warnings():
        store = open_store("vault://secret/mpesa")
        assert store.read(TIME).fields == PAIR
        assert any("VAULT_SKIP_VERIFY" in remark for remark in store.remarks(TIME)) == (setting == "VAULT_SKIP_VERIFY")


def test_tls_that_does_not_verify_is_not_worth_a_second_try(
    openbao_tls: OpenBao, connected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint names the variable that helps."""
    for name, value in openbao_tls.environment.items():
        monkeypatch.setenv(name, value)
    error = failure(lambda: open_store("vault://secret/mpesa").read(TIME))
    assert isinstance(error, StoreUnavailable)
    assert not error.retryable
    assert len(connected) == 1
    assert "VAULT_CACERT" in str(error.hint)


def test_a_redirect_to_the_active_node_is_followed(openbao: OpenBao, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 307, so that a write stays a write."""
    with LoopbackServer(lambda request: redirect(307, openbao.address + request.path)) as standby:
        monkeypatch.setenv("VAULT_ADDR", standby.url)
        store = open_store(url)
        assert store.read(TIME) == Secret(PAIR, "1")
        assert store.write(NEW, TIME) == "2"


def test_a_redirect_that_would_make_a_write_a_read_is_not_followed(
    openbao: OpenBao, openbao_environment: dict[str, str], kv1_mount: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """302 turns a POST into a GET, whose answer would pass for success in KV version 1."""
    openbao.put_v1(kv1_mount, "mpesa", PAIR)
    with LoopbackServer(lambda request: redirect(302, openbao_environment["VAULT_ADDR"] + request.path)) as standby:
        monkeypatch.setenv("VAULT_ADDR", standby.url)
        store = open_store(f"vault://{kv1_mount}/mpesa")
        assert isinstance(failure(lambda: store.write(NEW, TIME)), StoreUnavailable)
        assert store.read(TIME) == Secret(PAIR)


@pytest.mark.parametrize(
    ("address", "location", "followed"),
    [
        ("https://standby/v1/a", "https://active/v1/a", True),
        ("https://standby/v1/a", "/v1/b", True),
        ("http://standby/v1/a", "http://active/v1/a", True),
        ("https://standby/v1/a", "http://active/v1/a", False),
        ("https://standby/v1/a", "//active:80/v1/a", True),
    ],
)
def test_a_redirect_never_leaves_tls(address: str, location: str, followed: bool) -> None:
    """The token goes along, as it must to the active node; but not in the clear."""
    answer = requests.Response()
    answer.url, answer.status_code, answer.headers["Location"] = address, 307, location
    answer.request = requests.Request("GET", address).prepare()
    assert (Session().get_redirect_target(answer) is not None) == followed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VAULT_ADDR", "127.0.0.1:8200"),
        ("VAULT_ADDR", "unix:///run/agent.sock"),
        ("VAULT_ADDR", "https://"),
        ("VAULT_ADDR", "https://vault:port"),
        ("VAULT_ADDR", "https://me:hush-1@vault"),
        ("VAULT_ADDR", "https://vault?token=hush-1"),
        ("VAULT_CACERT", "/nowhere"),
        ("VAULT_CAPATH", "/nowhere"),
        ("VAULT_SKIP_VERIFY", "perhaps"),
    ],
)
def test_a_variable_that_cannot_be_right_is_configuration(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """At once, without a request."""
    monkeypatch.setenv(name, value)
    error = failure(lambda: open_store("vault://secret/mpesa"))
    assert isinstance(error, ConfigurationError)


def test_without_variables_vault_is_where_its_command_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://127.0.0.1:8200, verified; empty variables count as unset."""
    monkeypatch.setenv("VAULT_NAMESPACE", "")
    monkeypatch.setenv("VAULT_CACERT", "")
    assert Server.from_environment() == Server("https://127.0.0.1:8200", None, True, None)


@pytest.mark.parametrize(("host", "remarked"), [("127.0.0.1", False), ("[::1]", False), ("vault.example", True)])
def test_plain_http_to_another_machine_is_remarked(monkeypatch: pytest.MonkeyPatch, host: str, remarked: bool) -> None:
    """The vault command allows it, so do we; an operator hears of it."""
    monkeypatch.setenv("VAULT_ADDR", f"http://{host}:8200")
    assert any("plain http" in remark for remark in Server.from_environment().remarks()) == remarked


def test_nothing_of_the_secret_is_logged_or_shown(openbao: OpenBao, url: str, caplog: pytest.LogCaptureFixture) -> None:
    """By any library on the way, at any level."""
    caplog.set_level(logging.DEBUG)
    store = open_store(url)
    secret = store.read(TIME)
    store.write(NEW, TIME)
    text = f"{caplog.text} {store!r} {secret!r} {vars(store)!r}"
    assert not shows(text, ["hush-1", "hush-2", openbao.root_token])


def redirect(status: int, location: str) -> Answer:
    """An answer that leads elsewhere."""
    return Answer(status, b"", (("Location", location),))


@contextmanager
def dripping() -> Iterator[str]:
    """The address of a server that sends its answer's body a byte at a time, for ever."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        body = json.dumps({"data": {"path": "secret/", "type": "kv", "filler": "x" * 100_000}}).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for byte in body:
            if over.wait(0.05):
                break
            connection.sendall(bytes([byte]))
        connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    over.set()
    thread.join()
    listener.close()
