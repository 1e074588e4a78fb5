"""The library as a user writes it; checked by mypy --strict, never run.

An ignored error is one that mypy must find: an ignore that is not needed is an error, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import requests

import mpesa_secrets
from mpesa_secrets import (
    AccessToken,
    ConfigurationError,
    Conflict,
    Credentials,
    DarajaError,
    Mpesa,
    MpesaSecretsError,
    Secret,
    SecretNotFound,
    Store,
    StoreUnavailable,
    Version,
    WritableStore,
    connect,
)


def pay(url: str) -> int:
    """Sign a call."""
    mpesa: Mpesa = connect("vault://secret/mpesa/prod", environment="sandbox", timeout=10)
    answer = requests.post(url, json={}, auth=mpesa.auth, timeout=20)
    with requests.Session() as session:
        session.auth = mpesa.auth
    return answer.status_code


def settings() -> None:
    """Every setting is an argument."""
    connect()
    connect(
        "env://",
        environment="sandbox",
        base_url="http://127.0.0.1:8080",
        timeout=2.5,
        token_cache="file:///tmp/token",
        token_method="POST",
        credentials_ttl=60,
        credentials_stale=0,
        api_hosts=["gateway.example.com"],
    )
    connect(timeout=[])  # type: ignore[arg-type]
    connect("env://", "sandbox")  # type: ignore[call-arg]
    connect(frobnicate=1)  # type: ignore[call-arg]


async def token(mpesa: Mpesa) -> AccessToken:
    """The token, and what is in it."""
    token = mpesa.token()
    header: str = token.header
    end: float = token.expires_at
    value: int = token.value  # type: ignore[assignment]
    mpesa.invalidate(token)
    del header, end, value
    return await mpesa.token_async()


def credentials(mpesa: Mpesa) -> tuple[str, str, str, str | None]:
    """The pair, and what is in it."""
    pair: Credentials = mpesa.credentials()
    return pair.consumer_key, pair.consumer_secret, pair.fingerprint, pair.version


def errors(mpesa: Mpesa) -> str | None:
    """What an error knows."""
    try:
        mpesa.token()
    except (ConfigurationError, SecretNotFound) as error:
        return error.hint
    except DarajaError as error:
        return error.request_id
    except MpesaSecretsError as error:
        code: int = error.exit_code
        again: bool = error.retryable
        raise SystemExit(code if not again else 1) from None
    return None


class Readable:
    """A store of somebody's own."""

    def read(self, timeout: float) -> Secret:
        """A secret."""
        if timeout < 1:
            raise StoreUnavailable("my store: no time left", hint="try later")
        fields: Mapping[str, object] = {"consumer_key": "key", "consumer_secret": "secret", "passkey": None}
        return Secret(fields, version="1")


class Writable(Readable):
    """One that can be written."""

    def write(self, secret: Secret, timeout: float) -> str | None:
        """A new version."""
        if secret.version != self.read(timeout).version:
            raise Conflict("my store: somebody else was quicker")
        return "2"

    def read_version(self, version: str, timeout: float) -> Secret:
        """An old one."""
        return Secret(self.read(timeout).fields, version)

    def history(self, timeout: float) -> Sequence[Version]:
        """All of them."""
        return [Version(self.read(timeout).version or "", created_at=None, state="current")]


readable: Store = Readable()
writable: WritableStore = Writable()
wrong: WritableStore = Readable()  # type: ignore[assignment]
misspelt = mpesa_secrets.Frobnicate  # type: ignore[attr-defined]
