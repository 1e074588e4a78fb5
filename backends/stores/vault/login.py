"""Signing in to Vault: the methods of `?auth=`, and the login that they make."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from mpesa_secrets.clocks import CLOCKS, Clocks
from mpesa_secrets.errors import AccessDenied, ConfigurationError
from mpesa_secrets.urls import parameter

from .server import Hidden

if TYPE_CHECKING:
    import requests

    from .http import Answer, Operation, VaultApi

POD_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
MARGIN = 60.0  # seconds, or a tenth of the lease if that is less, that a login is renewed ahead of its end
METHODS = ("token", "approle", "kubernetes", "jwt", "aws", "none")


class Login:
    """A Vault token and how long it is good for. As an auth object of requests it signs requests, and keeps
    requests from putting in what ~/.netrc says.

    Args:
        token: what Vault issued, or None to send none.
        lease: seconds that it is good for, or None for no end that we know.
        limited: whether it is good for a number of uses only.
    """

    __slots__ = ("_clocks", "_limited", "_renew_at", "_since", "_token")

    def __init__(
        self, token: Hidden | None, lease: float | None = None, limited: bool = False, clocks: Clocks = CLOCKS
    ) -> None:
        self._token = token
        self._limited = limited
        self._clocks = clocks
        self._since = clocks.now()
        self._renew_at = self._since.later(lease - min(MARGIN, lease / 10)) if lease else None

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["X-Vault-Token"] = self._token.text
        return request

    def good(self) -> bool:
        """Whether it need not be renewed yet."""
        return self._renew_at is None or not self._clocks.now().reached(self._renew_at)

    def may_have_run_out(self, operation: Operation) -> bool:
        """Whether a refusal may come from its age, not its rights: not if it was good during this operation."""
        good_just_now = self._since.monotonic >= operation.started or operation.accepted is self
        return self._limited or not good_just_now

    def same_token(self, other: Login) -> bool:
        """Whether both send the same."""
        mine, theirs = self._token, other._token
        return mine is theirs or (mine is not None and theirs is not None and mine.text == theirs.text)


class TokenLogin:
    """The token that VAULT_TOKEN or ~/.vault-token holds."""

    def log_in(self, api: VaultApi, operation: Operation) -> Login:  # noqa: ARG002  nothing to ask
        """What they hold now; raises ConfigurationError where that is nothing."""
        token = _variable("VAULT_TOKEN") or _home_token()
        if token is None:
            raise ConfigurationError("VAULT_TOKEN and ~/.vault-token: no Vault token", hint=_how_to_sign_in())
        if not (token.text.isascii() and token.text.isprintable()) or " " in token.text:
            raise ConfigurationError("VAULT_TOKEN or ~/.vault-token: holds what no token holds")
        return Login(token)


class NoLogin:
    """No token at all: a Vault Agent or proxy puts its own in."""

    def log_in(self, api: VaultApi, operation: Operation) -> Login:  # noqa: ARG002  nothing to ask
        """A login that sends nothing."""
        return Login(None)


class ServerLogin:
    """A login at `auth/<mount>/login`.

    Args:
        name: the method, for messages.
        mount: where it is mounted.
        body: makes what is sent; a callable, so that files are read anew and nothing shows it.
    """

    def __init__(self, name: str, mount: str, body: Callable[[], object]) -> None:
        self._name = name
        self._path = f"auth/{mount}/login"
        self._body = body

    def log_in(self, api: VaultApi, operation: Operation) -> Login:
        """A new token, for what the files and variables hold now.

        Raises:
            ConfigurationError: what it takes is not there.
            AccessDenied: Vault refuses it.
            StoreUnavailable: Vault cannot be asked.
        """
        answer = api.patiently("POST", self._path, operation, Login(None), body=self._body)
        if not answer.ok:
            raise AccessDenied(
                f"{api.name}: Vault refuses the login by {self._name} at {self._path} (HTTP {answer.status})",
                hint="check what it signs in with, the role, ?auth_mount= and VAULT_NAMESPACE",
            )
        return self._login(api, answer)

    def _login(self, api: VaultApi, answer: Answer) -> Login:
        lease, uses = answer.at("auth", "lease_duration"), answer.at("auth", "num_uses")
        if not isinstance(answer.at("auth", "client_token"), str) or not answer.at("auth", "client_token"):
            raise AccessDenied(
                f"{api.name}: Vault gave no token for the login by {self._name}", hint="does it ask for MFA?"
            )
        return Login(Hidden(answer.at("auth", "client_token")), lease if isinstance(lease, int) else None, bool(uses))


Method = TokenLogin | NoLogin | ServerLogin


def method_of(url: str) -> Method:
    """The way to sign in that a store's URL asks for.

    Raises:
        ConfigurationError: there is no such method, or it lacks its role.
    """
    name = parameter(url, "auth") or "token"
    if name not in METHODS:
        raise ConfigurationError(f"?auth={name}: unknown", hint=f"use one of {', '.join(METHODS)}")
    if name == "token":
        return TokenLogin()
    if name == "none":
        return NoLogin()
    role = parameter(url, "role")
    if name == "kubernetes" and role is None:
        raise ConfigurationError("?auth=kubernetes: needs a role", hint="add &role=NAME")
    return ServerLogin(name, (parameter(url, "auth_mount") or name).strip("/"), lambda: _BODIES[name](role))


def _approle(_role: str | None) -> dict[str, str]:
    return {"role_id": _required("VAULT_ROLE_ID").text, "secret_id": _required("VAULT_SECRET_ID").text}


def _jwt(role: str | None) -> dict[str, str]:
    path = os.environ.get("VAULT_JWT_FILE")
    token = _file(path, "VAULT_JWT_FILE") if path else _file(POD_TOKEN, "the pod's token (no VAULT_JWT_FILE is set)")
    return {**({"role": role} if role else {}), "jwt": token.text}


def _aws(role: str | None) -> dict[str, str]:
    from .aws import signed_identity

    return {**({"role": role} if role else {}), **signed_identity()}


_BODIES = {"approle": _approle, "kubernetes": _jwt, "jwt": _jwt, "aws": _aws}


def _variable(name: str) -> Hidden | None:
    return Hidden(os.environ[name].strip()) if os.environ.get(name, "").strip() else None


def _required(name: str) -> Hidden:
    """The variable, or what is in the file that the variable with `_FILE` names."""
    found = _variable(name)
    if found is not None:
        return found
    path = os.environ.get(f"{name}_FILE")
    if not path:
        raise ConfigurationError(f"{name}: not set, nor is {name}_FILE", hint="?auth=approle takes one of the two")
    return _file(path, f"{name}_FILE")


def _file(path: str, setting: str) -> Hidden:
    try:
        with open(path, encoding="utf-8") as file:
            found = Hidden(file.read().strip())
    except OSError as error:
        raise ConfigurationError(f"{setting} {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        found = Hidden("")
    if not found.text:
        raise ConfigurationError(f"{setting} {path}: holds no text")
    return found


def _home_token() -> Hidden | None:
    path = os.path.expanduser("~/.vault-token")
    return _file(path, "the token file") if os.path.exists(path) else None


def _how_to_sign_in() -> str:
    if all(os.environ.get(name) or os.environ.get(f"{name}_FILE") for name in ("VAULT_ROLE_ID", "VAULT_SECRET_ID")):
        return "VAULT_ROLE_ID and VAULT_SECRET_ID are set: add ?auth=approle"
    return f"set VAULT_TOKEN, or sign in another way: ?auth={'|'.join(METHODS[1:])}"
