"""The fixtures of the servers. A server runs once in each pytest process, from its first use to the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.aws import Aws
from tests.servers.valkey import Valkey


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
