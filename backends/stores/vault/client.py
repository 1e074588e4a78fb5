"""A client of Vault that is signed in: one login, which all threads share and which is made anew in time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from mpesa_secrets.errors import AccessDenied, SecretNotFound, StoreError, StoreUnavailable

from .http import Answer, Operation, VaultApi
from .login import Login, Method


class Logins:
    """The login of a store: made at first use, kept, and made anew when it nears its end or is refused.

    Args:
        api: the server.
        method: how to sign in.
    """

    def __init__(self, api: VaultApi, method: Method) -> None:
        self._api = api
        self._method = method
        self._lock = threading.Lock()
        self._login: Login | None = None

    def current(self, operation: Operation) -> Login:
        """The login to use; raises ConfigurationError, AccessDenied, StoreUnavailable."""
        login = self._login
        if login is not None and login.good():
            return login
        with self._alone(operation):
            if self._login is None or not self._login.good():
                self._login = self._method.log_in(self._api, operation)
            return self._login

    def instead_of(self, refused: Login, operation: Operation) -> Login | None:
        """Another login than the one that was refused, or None where that would be as good as the first."""
        with self._alone(operation):
            if self._login is refused and refused.may_have_run_out(operation):
                self._login = self._method.log_in(self._api, operation)
            login = self._login
        return None if login is None or login.same_token(refused) else login

    @contextlib.contextmanager
    def _alone(self, operation: Operation) -> Iterator[None]:
        if not self._lock.acquire(timeout=operation.left()):
            raise self._api.unavailable("did not answer another thread's login in time")
        try:
            yield
        finally:
            self._lock.release()


class Vault:
    """A Vault server and our login there.

    Args:
        api: the server.
        method: how to sign in.

    Attributes:
        name: what the errors call the store.
        api: the server.
    """

    def __init__(self, api: VaultApi, method: Method) -> None:
        self.name = api.name
        self.api = api
        self._logins = Logins(api, method)

    def ask(self, method: str, path: str, operation: Operation, **more: Any) -> Answer:
        """One signed request; a refusal that may come from the login's age is answered by a new login, once.

        Only a GET is repeated while Vault cannot be reached. `more` is what `VaultApi.exchange` takes.
        """
        login = self._logins.current(operation)
        answer = self._send(method, path, operation, login, more)
        if answer.status != 403:
            operation.accepted = login
            return answer
        newer = self._logins.instead_of(login, operation)
        return answer if newer is None else self._send(method, path, operation, newer, more)

    def refusal(self, answer: Answer, capability: str, path: str) -> StoreError:
        """The error for an answer of Vault at work that is not `ok`."""
        if answer.status in (401, 403) or answer.says("missing client token"):
            return AccessDenied(
                f"{self.name}: Vault denies {capability} on {path} (HTTP {answer.status})",
                hint=f"its policy must allow {capability} on {path}, and its token must not have run out",
            )
        if answer.status == 404:
            return SecretNotFound(f"{self.name}: nothing at {path}", hint="check the path and VAULT_NAMESPACE")
        if answer.says("upgrading from non-versioned"):
            return StoreUnavailable(f"{self.name}: Vault is upgrading the mount to KV version 2")
        return StoreError(f"{self.name}: Vault refuses to {capability} {path} (HTTP {answer.status})")

    def _send(self, method: str, path: str, operation: Operation, login: Login, more: dict[str, Any]) -> Answer:
        send = self.api.patiently if method == "GET" else self.api.exchange
        return send(method, path, operation, login, **more)
