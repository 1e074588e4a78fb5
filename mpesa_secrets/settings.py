"""The settings: arguments first, then `MPESA_*` variables, then defaults."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import TypeVar

from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.urls import Url, checked_base_url, redacted, scheme_of

T = TypeVar("T")

# Safaricom's two API hosts, as its documentation names them.
BASE_URLS = {"production": "https://api.safaricom.co.ke", "sandbox": "https://sandbox.safaricom.co.ke"}

_VARIABLES = {
    "url": "MPESA_SECRETS_URL",
    "environment": "MPESA_ENVIRONMENT",
    "base_url": "MPESA_BASE_URL",
    "timeout": "MPESA_TIMEOUT",
    "token_cache": "MPESA_TOKEN_CACHE",
    "token_method": "MPESA_TOKEN_METHOD",
    "credentials_ttl": "MPESA_CREDENTIALS_TTL",
    "credentials_stale": "MPESA_CREDENTIALS_STALE",
    "api_hosts": "MPESA_API_HOSTS",
}


class Settings:
    """Checked settings; each argument that is None comes from its variable, or its default.

    Args:
        url: the store, `scheme://…`; default `env://`.
        environment: `production` (default) or `sandbox`.
        base_url: another host than the environment's.
        timeout: seconds for one token, everything included; default 20.
        token_cache: where the token is shared, `scheme://…`; default `memory://`.
        token_method: `GET` (default) or `POST`.
        credentials_ttl: seconds that credentials are reused; default 300.
        credentials_stale: seconds they may serve beyond that while the store is down; default 3600.
        api_hosts: further hosts that may be sent the token: names, or one comma-separated string.

    Raises:
        ConfigurationError: a value is none of the allowed ones. An empty variable counts as unset.
    """

    __slots__ = tuple(_VARIABLES)

    def __init__(
        self,
        url: str | None = None,
        *,
        environment: str | None = None,
        base_url: str | None = None,
        timeout: float | str | None = None,
        token_cache: str | None = None,
        token_method: str | None = None,
        credentials_ttl: float | str | None = None,
        credentials_stale: float | str | None = None,
        api_hosts: str | Iterable[str] | None = None,
    ) -> None:
        # Rebound at once: a traceback with locals shows a Url without its password.
        url, token_cache = Url(_value("url", url, "env://")), Url(_value("token_cache", token_cache, "memory://"))
        self.url, self.token_cache = url, token_cache
        self.environment = _choice("environment", _value("environment", environment, "production"), BASE_URLS)
        self.base_url = checked_base_url(Url(_value("base_url", base_url, BASE_URLS[self.environment])))
        self.timeout = _seconds("timeout", _value("timeout", timeout, 20.0))
        method = _value("token_method", token_method, "GET").upper()
        self.token_method = _choice("token_method", method, ("GET", "POST"))
        self.credentials_ttl = _seconds("credentials_ttl", _value("credentials_ttl", credentials_ttl, 300.0))
        self.credentials_stale = _seconds("credentials_stale", _value("credentials_stale", credentials_stale, 3600.0))
        self.api_hosts = _hosts(_value("api_hosts", api_hosts, ""))
        if self.timeout == 0:
            raise ConfigurationError("timeout 0: no time at all", hint="give the seconds that one token may take")
        for name in ("url", "token_cache"):
            scheme_of(getattr(self, name), _VARIABLES[name])

    def __repr__(self) -> str:
        return f"Settings(url={redacted(self.url)!r}, base_url={self.base_url!r}, timeout={self.timeout})"


def _value(name: str, argument: T | None, default: T) -> T | str:
    return os.environ.get(_VARIABLES[name]) or default if argument is None else argument


def _choice(name: str, value: str, allowed: Iterable[str]) -> str:
    if value not in allowed:
        raise ConfigurationError(f"{_VARIABLES[name]} {value!r}: unknown", hint=f"use {' or '.join(allowed)}")
    return value


def _seconds(name: str, value: float | str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ConfigurationError(f"{_VARIABLES[name]} {value!r}: not a number of seconds", hint="for example 20")
    return number


def _hosts(value: str | Iterable[str]) -> frozenset[str]:
    names = value.split(",") if isinstance(value, str) else value
    return frozenset(name.strip().lower() for name in names if name.strip())
