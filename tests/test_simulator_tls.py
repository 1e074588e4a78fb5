"""The simulated Daraja on https."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mpesa_secrets.simulator import Simulator
from tests.certificates import self_signed
from tests.daraja_client import KEY, SECRET, TOKEN, basic


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path / "daraja.pem")


@pytest.fixture
def daraja(certificate: Path) -> Iterator[Simulator]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with Simulator(KEY, SECRET, tls=context) as running:
        yield running


def ask(daraja: Simulator, context: ssl.SSLContext) -> int:
    """The status of one token request."""
    connection = http.client.HTTPSConnection(urlsplit(daraja.base_url).netloc, timeout=5, context=context)
    try:
        connection.request("GET", TOKEN, headers={"Authorization": basic()})
        return connection.getresponse().status
    finally:
        connection.close()


def test_who_trusts_the_certificate_gets_a_token(daraja: Simulator, certificate: Path) -> None:
    """The base URL says https."""
    assert daraja.base_url.startswith("https://")
    assert ask(daraja, ssl.create_default_context(cafile=certificate)) == 200


def test_who_does_not_trust_it_never_asks(daraja: Simulator) -> None:
    """No Basic header leaves for a stranger."""
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(daraja, ssl.create_default_context())
    assert daraja.token_requests == []


def test_reset_works_there_too(daraja: Simulator, certificate: Path) -> None:
    """A fault of the connection below TLS."""
    context = ssl.create_default_context(cafile=certificate)
    daraja.fail("reset")
    with pytest.raises(ConnectionResetError):
        ask(daraja, context)
    assert ask(daraja, context) == 200
