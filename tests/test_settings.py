"""Settings: arguments, then variables, then defaults; nothing doubtful is accepted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.settings import Settings
from tests.leaks import secrets_in_traceback


def values(found: Settings) -> dict[str, object]:
    """Every setting by name."""
    return {name: getattr(found, name) for name in Settings.__slots__}


def test_nothing_needs_to_be_set() -> None:
    """The defaults are production, the environment, and a cache of one's own."""
    assert values(Settings()) == {
        "url": "env://",
        "environment": "production",
        "base_url": "https://api.safaricom.co.ke",
        "timeout": 20.0,
        "token_cache": "memory://",
        "token_method": "GET",
        "credentials_ttl": 300.0,
        "credentials_stale": 3600.0,
        "api_hosts": frozenset(),
    }


def test_variables_set_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by its documented name."""
    environ = {
        "MPESA_SECRETS_URL": "vault://m/p",
        "MPESA_ENVIRONMENT": "sandbox",
        "MPESA_BASE_URL": "https://gateway/",
        "MPESA_TIMEOUT": "2.5",
        "MPESA_TOKEN_CACHE": "redis://h",
        "MPESA_TOKEN_METHOD": "post",
        "MPESA_CREDENTIALS_TTL": "0",
        "MPESA_CREDENTIALS_STALE": "60",
        "MPESA_API_HOSTS": "One.example, two.example,",
    }
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert list(values(Settings()).values()) == [
        "vault://m/p",
        "sandbox",
        "https://gateway",
        2.5,
        "redis://h",
        "POST",
        0.0,
        60.0,
        frozenset({"one.example", "two.example"}),
    ]


def test_arguments_come_before_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Zero and the like included; None is "not said"."""
    for name, value in {"CREDENTIALS_TTL": "9", "SECRETS_URL": "vault://m/p", "API_HOSTS": "x"}.items():
        monkeypatch.setenv(f"MPESA_{name}", value)
    found = Settings(credentials_ttl=0, url="aws://n", api_hosts=["A", "b "], timeout=None)
    assert (found.credentials_ttl, found.url, found.api_hosts) == (0.0, "aws://n", frozenset({"a", "b"}))
    assert found.timeout == 20.0


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files and unit files set them so."""
    names = ("SECRETS_URL", "ENVIRONMENT", "BASE_URL", "TIMEOUT", "TOKEN_CACHE", "TOKEN_METHOD", "CREDENTIALS_TTL")
    unset = values(Settings())
    for name in (*names, "CREDENTIALS_STALE", "API_HOSTS"):
        monkeypatch.setenv(f"MPESA_{name}", "")
    assert values(Settings()) == unset


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is when the settings are made."""
    monkeypatch.setenv("MPESA_TIMEOUT", "7")
    assert Settings().timeout == 7.0


def test_the_sandbox_has_a_host_of_its_own() -> None:
    """Unless another one is named."""
    assert Settings(environment="sandbox").base_url == "https://sandbox.safaricom.co.ke"
    assert Settings(environment="sandbox", base_url="http://127.0.0.1:1").base_url == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"environment": "Production"}, "MPESA_ENVIRONMENT 'Production': unknown"),
        ({"environment": "prod"}, "MPESA_ENVIRONMENT 'prod': unknown"),
        ({"environment": ""}, "MPESA_ENVIRONMENT '': unknown"),
        ({"token_method": "PUT"}, "MPESA_TOKEN_METHOD 'PUT': unknown"),
        ({"timeout": "soon"}, "MPESA_TIMEOUT 'soon': not a number of seconds"),
        ({"timeout": -1}, "MPESA_TIMEOUT -1: not a number of seconds"),
        ({"timeout": "nan"}, "MPESA_TIMEOUT 'nan': not a number of seconds"),
        ({"timeout": "inf"}, "MPESA_TIMEOUT 'inf': not a number of seconds"),
        ({"timeout": 0}, "timeout 0"),
        ({"credentials_ttl": "5m"}, "MPESA_CREDENTIALS_TTL '5m'"),
        ({"credentials_stale": "x"}, "MPESA_CREDENTIALS_STALE 'x'"),
        ({"url": "secret/mpesa"}, "MPESA_SECRETS_URL secret/mpesa: not a URL"),
        ({"token_cache": "/tmp/x"}, "MPESA_TOKEN_CACHE /tmp/x: not a URL"),
        ({"base_url": "http://host"}, "base URL http://host"),
    ],
)
def test_what_is_doubtful_is_refused(arguments: dict[str, object], text: str) -> None:
    """Naming the variable; a misspelled environment is never a silent sandbox."""
    with pytest.raises(ConfigurationError) as refusal:
        Settings(**arguments)  # type: ignore[arg-type]  # wrong ones, by purpose
    assert str(refusal.value).startswith(text)
    assert refusal.value.hint


def test_passwords_are_not_shown() -> None:
    """The token cache's URL may hold one, the store's too."""
    found = Settings(url="x://u:hush@h", token_cache="redis://:hush@h")
    assert "hush" not in f"{found} {found!r}"


@pytest.mark.parametrize("make", [lambda: Settings(timeout="soon"), lambda: Settings(environment="prod")])
def test_a_refusal_shows_nothing_of_the_environment(
    make: Callable[[], Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The secret itself may stand there, beside the settings."""
    monkeypatch.setenv("MPESA_CONSUMER_SECRET", "hush-1")
    monkeypatch.setenv("MPESA_TOKEN_CACHE", "redis://:hush-1@h")
    with pytest.raises(ConfigurationError) as refusal:
        make()
    assert secrets_in_traceback(refusal.value, ["hush-1"]) == []
