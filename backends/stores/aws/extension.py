"""The AWS Parameters and Secrets Lambda Extension, and the AWS Secrets Manager Agent: HTTP on localhost.

What they answer is GetSecretValue's JSON. Sources: AWS's user guide ("Use AWS Secrets Manager secrets in AWS
Lambda functions") and the agent's own code, github.com/aws/aws-secretsmanager-agent. botocore is not needed.
"""

from __future__ import annotations

import http.client
import json
import os
import time
from urllib.parse import quote

from mpesa_secrets.credentials import Secret
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import AccessDenied, ConfigurationError, MalformedSecret, SecretNotFound, StoreUnavailable

from .answer import secret_of

PORT_VARIABLE = "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"
LAMBDA_VARIABLE = "AWS_LAMBDA_FUNCTION_NAME"
# Where the agent's installation leaves its token.
AGENT_TOKEN_FILE = "/var/run/awssmatoken"
# AWS allows 64 KiB of secret; JSON within JSON may take six characters for one byte.
_MOST_BYTES = 512 * 1024
# A Lambda extension answers from the first invocation on, not while the function is being loaded.
_STARTING_SECONDS = 1.0
_PAUSE_SECONDS = 0.05


def is_announced() -> bool:
    """Whether the environment says that an extension or an agent is there."""
    return bool(os.environ.get(LAMBDA_VARIABLE) or os.environ.get(PORT_VARIABLE))


class Extension:
    """Reads one secret from the extension or the agent.

    Args:
        name: the secret's name or ARN.
        token_file: the agent's token, where the environment has none.

    Raises:
        ConfigurationError: the port in the environment is none.
    """

    def __init__(self, name: str, token_file: str = AGENT_TOKEN_FILE) -> None:
        self._name = name
        self._token_file = token_file
        self._path = f"/secretsmanager/get?secretId={quote(name, safe='')}&versionStage=AWSCURRENT"
        self._port = _port()

    def read(self, timeout: float) -> Secret:
        """The secret at AWSCURRENT, up to five minutes old.

        Raises:
            SecretNotFound, AccessDenied, MalformedSecret: as it says.
            StoreUnavailable: nobody, or somebody else, or nothing useful answers.
            ConfigurationError: there is no token for it.
        """
        deadline = Deadline(timeout)
        start = deadline.at_most(_STARTING_SECONDS)
        answer = self._ask(deadline)
        while answer.says(b"not ready") and not start.over():
            time.sleep(min(_PAUSE_SECONDS, start.left()))
            answer = self._ask(deadline)
        return self._secret(answer)

    def _ask(self, deadline: Deadline) -> _Answer:
        connection = http.client.HTTPConnection("localhost", self._port, timeout=max(deadline.left(), 0.001))
        try:
            connection.connect()
            headers = {"X-Aws-Parameters-Secrets-Token": _token(self._token_file), "Connection": "close"}
            connection.request("GET", self._path, headers=headers)
            return _Answer(connection, deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:
            failure = self._unavailable(f"no answer on port {self._port} ({type(error).__name__})")
        finally:
            connection.close()
        raise failure

    def _secret(self, answer: _Answer) -> Secret:
        if answer.status == 200:
            return self._parsed(answer)
        if answer.status == 404 or answer.says(b"ResourceNotFoundException"):
            raise SecretNotFound(f"aws://{self._name}: the extension finds no such secret")
        if answer.status in {401, 403} or answer.says(b"AccessDenied"):
            raise AccessDenied(
                f"aws://{self._name}: the extension refuses to give it (HTTP {answer.status})",
                hint="check the role's secretsmanager:GetSecretValue and kms:Decrypt, and AWS_TOKEN for the agent",
            )
        raise self._unavailable(f"it answered HTTP {answer.status}")

    def _parsed(self, answer: _Answer) -> Secret:
        if not answer.is_complete():
            raise self._unavailable("it answered something else than a secret")
        secret = answer.secret()
        if secret is None:
            raise MalformedSecret(f"aws://{self._name}: no JSON object")
        return secret

    def _unavailable(self, why: str) -> StoreUnavailable:
        return StoreUnavailable(
            f"aws://{self._name}: the extension on localhost gave nothing: {why}",
            hint="add the Lambda layer or start the agent, or take ?via=api",
        )


class _Answer:
    """Status and body of an answer; the body, which may hold the secret, is never shown."""

    __slots__ = ("_body", "status")

    def __init__(self, connection: http.client.HTTPConnection, deadline: Deadline) -> None:
        socket = connection.sock
        response = connection.getresponse()
        self.status = response.status
        self._body = bytearray()
        before = -1
        while before < len(self._body) <= _MOST_BYTES:
            before = len(self._body)
            socket.settimeout(max(deadline.left(), 0.001))
            self._body += response.read1(_MOST_BYTES)

    def says(self, text: bytes) -> bool:
        """Whether it is a refusal with this text."""
        return self.status != 200 and text in self._body

    def is_complete(self) -> bool:
        """Whether it is GetSecretValue's answer, whatever the value."""
        try:
            return "VersionId" in json.loads(self._body)
        except (ValueError, TypeError, RecursionError):
            return False

    def secret(self) -> Secret | None:
        """The secret in a complete answer; None where its value is no JSON object."""
        return secret_of(json.loads(self._body))


def _port() -> int:
    text = os.environ.get(PORT_VARIABLE) or "2773"
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise ConfigurationError(f"{PORT_VARIABLE} {text!r}: no port", hint="unset it, or set it as for the extension")
    return int(text)


def _token(token_file: str) -> str:
    """The agent's own token goes first; a Lambda function has the session's, another machine the agent's file."""
    own = os.environ.get("AWS_TOKEN", "")
    if own.startswith("file://"):
        return _read(own.removeprefix("file://"))
    session = os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    if own or (session and (os.environ.get(LAMBDA_VARIABLE) or not os.access(token_file, os.R_OK))):
        return own or session or ""
    return _read(token_file)


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read(4096).strip()
    except (OSError, ValueError) as error:
        why = type(error).__name__
    raise ConfigurationError(
        f"token file {path}: cannot be read ({why})", hint="set AWS_TOKEN as for the agent, or take ?via=api"
    )
