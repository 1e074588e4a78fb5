"""The servers of a benchmark: two simulated Darajas, OpenBao, AWS as moto plays it, the extension's stand-in."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tests.servers.aws import Aws
from tests.servers.extension import ExtensionServer
from tests.servers.openbao import OpenBao

LATENCY = 0.5  # seconds, of the slow Daraja
_NAME = "mpesa/prod"
_EXPORT = re.compile(r"^export (\w+)='(.*)'$", re.MULTILINE)

Variables = dict[str, str]


class Daraja:
    """A simulated Daraja in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "mpesa_secrets", "simulate", *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.variables = dict(_EXPORT.findall("".join(self._process.stdout.readline() for _ in range(4))))

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.communicate()

    def token_requests(self) -> int:
        """How many there were so far."""
        with urllib.request.urlopen(f"{self.variables['MPESA_BASE_URL']}/simulator/stats") as answer:
            return int(json.load(answer)["token_requests"])


class Scene:
    """What leads a process to each store, with the same pair in all of them."""

    def __init__(self, daraja: Daraja, slow: Daraja, openbao: OpenBao, aws: Aws, extension: ExtensionServer) -> None:
        self.slow = slow
        self.environment = daraja.variables
        self.openbao = {**daraja.variables, **openbao.environment, "MPESA_SECRETS_URL": f"vault://secret/{_NAME}"}
        self.aws = {**daraja.variables, **aws.environment, "MPESA_SECRETS_URL": f"aws://{_NAME}"}
        self.extension = {
            **self.aws,
            "AWS_TOKEN": extension.token,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": extension.port,
        }
        pair = {
            "consumer_key": daraja.variables["MPESA_CONSUMER_KEY"],
            "consumer_secret": daraja.variables["MPESA_CONSUMER_SECRET"],
        }
        openbao.put_v2("secret", _NAME, pair)
        aws.client("secretsmanager").create_secret(Name=_NAME, SecretString=json.dumps(pair))
        extension.hold(_NAME, pair)


@contextlib.contextmanager
def scene(directory: Path) -> Iterator[Scene]:
    """Starts everything, and ends it."""
    with contextlib.ExitStack() as stack:
        daraja, slow = Daraja(), Daraja("--latency", str(LATENCY))
        stack.callback(daraja.close)
        stack.callback(slow.close)
        openbao, aws = OpenBao(directory), Aws(directory)
        for server in (openbao, aws):
            server.start()
            stack.callback(server.stop)
        extension = stack.enter_context(ExtensionServer())
        yield Scene(daraja, slow, openbao, aws, extension)
