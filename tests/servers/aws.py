"""AWS as moto plays it, in a process of its own: Secrets Manager, DynamoDB, STS, IAM."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path
from typing import Any

from tests.servers.processes import HOST, ServerProcess, free_port, plain_environment

REGION = "eu-west-1"
ACCESS_KEY = "AKIAFAKEFAKEFAKEFAKE"
SECRET_KEY = "fake-secret-access-key-of-the-tests"


class Aws:
    """`endpoint` answers for every service. Whatever the tests put there, `reset()` removes."""

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.endpoint = f"http://{HOST}:{self.port}"
        self._directory = directory
        command = [sys.executable, "-m", "moto.server", "-H", HOST, "-p", str(self.port)]
        environment = plain_environment(directory, MOTO_PORT=str(self.port))
        self.process = ServerProcess(command, environment, directory / "moto.log", self._ready)

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead an AWS client here, with nothing of the user's own."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": str(self._directory / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(self._directory / "no-credentials"),
        }

    def client(self, service: str, endpoint: str | None = None) -> Any:
        """Returns a boto3 client of its own session, whatever the environment says."""
        import boto3

        session = boto3.session.Session(ACCESS_KEY, SECRET_KEY, region_name=REGION)
        return session.client(service, endpoint_url=endpoint or self.endpoint)

    def reset(self) -> None:
        """Forgets every secret, table and role."""
        self._call("POST", "/moto-api/reset")

    def start(self) -> None:
        """Starts the server (again), empty."""
        self.process.start()

    def stop(self) -> None:
        """Stops the server."""
        self.process.stop()

    def _ready(self) -> bool:
        return self._call("GET", "/moto-api/data.json") == 200

    def _call(self, method: str, path: str) -> int:
        request = urllib.request.Request(self.endpoint + path, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return int(answer.status)
