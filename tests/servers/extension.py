"""A stand-in for AWS's Lambda extension and its agent, of which nothing real can run here.

Its answers are those of AWS's documents and of the agent's code: GetSecretValue's JSON with a right token, HTTP 403
without, 400 while it starts, and AWS's own errors in the body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

from tests.servers.loopback import Answer, LoopbackServer, Request

TOKEN_HEADER = "X-Aws-Parameters-Secrets-Token"


class ExtensionServer(LoopbackServer):
    """Gives the secrets in `secrets` (name to text) at version `v1`, to who sends `token`.

    Attributes:
        starting: how many more requests are told that it is not ready.
        failure: answered in place of everything else, if set.
        requests: what was asked.
    """

    def __init__(self) -> None:
        self.token = "token-of-the-agent"
        self.secrets: dict[str, str] = {}
        self.starting = 0
        self.failure: Answer | None = None
        self.requests: list[Request] = []
        super().__init__(self._reply)

    @property
    def port(self) -> str:
        """The port, as its variable wants it."""
        return self.url.rpartition(":")[2]

    def hold(self, name: str, fields: Mapping[str, object]) -> None:
        """Puts a secret there."""
        self.secrets[name] = json.dumps(fields)

    def _reply(self, request: Request) -> Answer:
        self.requests.append(request)
        if self.starting:
            self.starting -= 1
            return Answer(400, b"not ready to serve traffic, please wait")
        if self.failure is not None:
            return self.failure
        if request.headers[TOKEN_HEADER] != self.token:
            return Answer(403, b"Bad Token")
        return self._found(parse_qs(urlsplit(request.path).query))

    def _found(self, query: Mapping[str, list[str]]) -> Answer:
        (name,) = query["secretId"]
        if name not in self.secrets or query["versionStage"] != ["AWSCURRENT"]:
            return Answer(400, b'{"__type":"ResourceNotFoundException", "message":"cannot find the secret"}')
        found = {"Name": name, "SecretString": self.secrets[name], "VersionId": "v1", "VersionStages": ["AWSCURRENT"]}
        return Answer(200, json.dumps(found).encode())
