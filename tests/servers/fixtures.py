"""The fixtures of the servers. A server runs once in each pytest process, from its first use to the end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.servers.aws import Aws
from tests.servers.faulty import FaultyProxy
from tests.servers.logins import Kubernetes
from tests.servers.openbao import OpenBao
from tests.servers.valkey import Valkey


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """An OpenBao server; it is shared, so take a mount of your own (`kv2_mount`, `kv1_mount`)."""
    server = OpenBao(tmp_path_factory.mktemp("openbao"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """An OpenBao server of this test's own, which may be stopped, killed and started again, empty."""
    server = OpenBao(tmp_path_factory.mktemp("own-openbao"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def openbao_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """An OpenBao server on https with a CA that nobody knows (`ca_certificate`)."""
    server = OpenBao(tmp_path_factory.mktemp("openbao-tls"), tls=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def openbao_environment(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Leads Vault clients of this process and its children to `openbao`, as root."""
    for name, value in openbao.environment.items():
        monkeypatch.setenv(name, value)
    return openbao.environment


@pytest.fixture
def kv2_mount(openbao: OpenBao) -> Iterator[str]:
    """The name of a KV version 2 mount of this test's own."""
    yield from _kv_mount(openbao, 2)


@pytest.fixture
def kv1_mount(openbao: OpenBao) -> Iterator[str]:
    """The name of a KV version 1 mount of this test's own."""
    yield from _kv_mount(openbao, 1)


def _kv_mount(openbao: OpenBao, version: int) -> Iterator[str]:
    mount = f"kv{version}-{secrets.token_hex(4)}"
    openbao.enable_kv(mount, version)
    yield mount
    openbao.api("DELETE", f"sys/mounts/{mount}")


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[Kubernetes]:
    """A cluster that issues service account tokens and reviews them, for `KubernetesLogin`."""
    with Kubernetes() as cluster:
        yield cluster


@pytest.fixture
def faulty_proxy() -> Iterator[Callable[[str], FaultyProxy]]:
    """Makes proxies before the URLs it is called with, and closes them after the test."""
    proxies: list[FaultyProxy] = []

    def make(upstream: str) -> FaultyProxy:
        proxies.append(FaultyProxy(upstream))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


@pytest.fixture(scope="session")
def aws_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """AWS as moto plays it; take `aws` instead unless the test wants what earlier tests left."""
    server = Aws(tmp_path_factory.mktemp("aws"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def aws(aws_server: Aws) -> Aws:
    """An AWS account with nothing in it, up again if an earlier test stopped it."""
    if not aws_server.process.running:
        aws_server.start()
    aws_server.reset()
    return aws_server


@pytest.fixture
def aws_environment(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Leads AWS clients of this process and its children to `aws`."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return aws.environment


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey server; take `valkey` instead unless the test wants what earlier tests left."""
    server = Valkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def valkey(valkey_server: Valkey) -> Valkey:
    """A Valkey server with nothing in it, up again if an earlier test stopped it."""
    if not valkey_server.process.running:
        valkey_server.start()
    valkey_server.clear()
    return valkey_server
