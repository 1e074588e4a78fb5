"""Vault's AWS login, which OpenBao does not ship: a stand-in that checks the signature as STS would.

Sources: HashiCorp's pages on the AWS auth method (`auth/aws/login`, type iam), AWS's on Signature Version 4.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import urlsplit

from tests.servers.aws import ACCESS_KEY, SECRET_KEY
from tests.servers.loopback import Answer, LoopbackServer, Request, forward
from tests.servers.openbao import OpenBao

FIELDS = ("iam_http_request_method", "iam_request_url", "iam_request_body", "iam_request_headers")


class VaultAws(LoopbackServer):
    """Answers `auth/<mount>/login` with a token of OpenBao for `policies`; all else goes on to OpenBao.

    The credentials that it knows are those of `Aws.environment`. `logins` are the bodies received,
    `server_id` is what the header X-Vault-AWS-IAM-Server-ID must say, if anything.
    """

    def __init__(
        self,
        openbao: OpenBao,
        policies: list[str],
        role: str = "app",
        mount: str = "aws",
        server_id: str | None = None,
    ) -> None:
        self.role = role
        self.server_id = server_id
        self.logins: list[dict[str, str]] = []
        self._openbao = openbao
        self._policies = policies
        self._path = f"/v1/auth/{mount}/login"
        super().__init__(self._answer)

    def _answer(self, request: Request) -> Answer:
        if request.path != self._path:
            return forward(request, self._openbao.address)
        login = json.loads(request.body)
        self.logins.append(login)
        if fault := self._fault(login):
            return Answer(400, json.dumps({"errors": [fault]}).encode())
        answer = self._openbao.api("POST", "auth/token/create", {"policies": self._policies, "ttl": "1h"})
        return Answer(200, json.dumps(answer).encode())

    def _fault(self, login: dict[str, str]) -> str | None:
        if missing := [name for name in FIELDS if not login.get(name)]:
            return f"missing {missing[0]}"
        if login.get("role") != self.role:
            return f"entry for role {login.get('role')} not found"
        url, body, headers = (base64.b64decode(login[name]).decode() for name in FIELDS[1:])
        if body != "Action=GetCallerIdentity&Version=2011-06-15":
            return "iam_request_body is not a GetCallerIdentity call"
        return self._header_fault(login[FIELDS[0]], url, body, _flat(json.loads(headers)))

    def _header_fault(self, method: str, url: str, body: str, headers: dict[str, str]) -> str | None:
        if self.server_id is not None and headers.get("x-vault-aws-iam-server-id") != self.server_id:
            return "X-Vault-AWS-IAM-Server-ID is not what is expected"
        if not (urlsplit(url).hostname or "").startswith("sts."):
            return "iam_request_url is not an STS endpoint"
        if not _is_signed(method, url, body, headers):
            return "received error code 403 from STS: SignatureDoesNotMatch"
        return None


def _flat(headers: dict[str, str | list[str]]) -> dict[str, str]:
    """Takes headers with one value or a list of them, both of which Vault takes; names in lower case."""
    return {name.lower(): value if isinstance(value, str) else ",".join(value) for name, value in headers.items()}


def _is_signed(method: str, url: str, body: str, headers: dict[str, str]) -> bool:
    """Whether the Authorization header is the signature (SigV4, service sts) of the rest by our key."""
    algorithm, _, rest = headers.get("authorization", "").partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    key_id, _, scope = parts.get("Credential", "").partition("/")
    names = parts.get("SignedHeaders", "").split(";")
    if algorithm != "AWS4-HMAC-SHA256" or key_id != ACCESS_KEY or not {"host", "x-amz-date"} <= set(names):
        return False
    canonical = "\n".join([
        method, urlsplit(url).path or "/", urlsplit(url).query,
        *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in names),
        "", ";".join(names), _sha256(body),
    ])  # fmt: skip
    text = "\n".join([algorithm, headers["x-amz-date"], scope, _sha256(canonical)])
    return hmac.compare_digest(parts.get("Signature", ""), _signing_hmac(scope, text))


def _signing_hmac(scope: str, text: str) -> str:
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
