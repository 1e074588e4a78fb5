"""Logins of OpenBao with signed tokens: `jwt`, and `kubernetes` with the TokenReview of a cluster."""

from __future__ import annotations

import json
import secrets
import time
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey

from tests.servers.loopback import Answer, LoopbackServer, Request
from tests.servers.openbao import OpenBao

AUDIENCE = "vault"


class JwtLogin:
    """The method `jwt` at a mount; it trusts a key made here. `role` is the one for `policies`.

    `settings` are those of the role, such as token_ttl.
    """

    def __init__(self, openbao: OpenBao, policies: list[str], mount: str = "jwt", **settings: Any) -> None:
        self.mount = mount
        self.role = f"role-{secrets.token_hex(6)}"
        self._key = ECKey.generate_key("P-256")
        openbao.enable_auth("jwt", mount)
        public_key = self._key.as_pem(private=False).decode()
        openbao.api("POST", f"auth/{mount}/config", {"jwt_validation_pubkeys": [public_key]})
        role = {
            "role_type": "jwt", "user_claim": "sub", "bound_audiences": [AUDIENCE],
            "token_policies": policies, **settings,
        }  # fmt: skip
        openbao.api("POST", f"auth/{mount}/role/{self.role}", role)

    def sign(self, **claims: Any) -> str:
        """Returns a JWT that is good for five minutes, or what `claims` say instead."""
        now = int(time.time())
        return _signed(self._key, {"sub": "app", "aud": AUDIENCE, "iat": now, "exp": now + 300, **claims})


class Kubernetes(LoopbackServer):
    """A cluster that knows the service account tokens which it issued (`token()`), and nothing else."""

    def __init__(self) -> None:
        self.reviews: list[Request] = []
        self._accounts: dict[str, tuple[str, str]] = {}
        self._key = ECKey.generate_key("P-256")
        super().__init__(self._review)

    def token(self, namespace: str, account: str) -> str:
        """Returns the token of a service account as a pod finds it in its file."""
        now = int(time.time())
        claims = {
            "iss": "https://kubernetes.default.svc.cluster.local", "aud": [AUDIENCE], "iat": now,
            "exp": now + 3600, "sub": f"system:serviceaccount:{namespace}:{account}",
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": account, "uid": account}},
        }  # fmt: skip
        token = _signed(self._key, claims)
        self._accounts[token] = (namespace, account)
        return token

    def _review(self, request: Request) -> Answer:
        self.reviews.append(request)
        if request.path != "/apis/authentication.k8s.io/v1/tokenreviews":
            return Answer(404)
        spec = json.loads(request.body)["spec"]
        known = self._accounts.get(spec["token"])
        status: dict[str, Any] = {"authenticated": known is not None, "audiences": spec.get("audiences", [])}
        if known is not None:
            status["user"] = {"username": "system:serviceaccount:{}:{}".format(*known), "uid": known[1]}
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}
        return Answer(201, json.dumps(review).encode())


class KubernetesLogin:
    """The method `kubernetes` at a mount. `role` is for one service account, `token()` is a token of its."""

    def __init__(
        self,
        openbao: OpenBao,
        kubernetes: Kubernetes,
        policies: list[str],
        mount: str = "kubernetes",
        **settings: Any,
    ) -> None:
        self.mount = mount
        self.role = f"role-{secrets.token_hex(6)}"
        self._kubernetes = kubernetes
        openbao.enable_auth("kubernetes", mount)
        # The certificate is never looked at on plain HTTP, but has to be there.
        config = {
            "kubernetes_host": kubernetes.url, "kubernetes_ca_cert": "none", "disable_local_ca_jwt": True,
        }  # fmt: skip
        openbao.api("POST", f"auth/{mount}/config", config)
        role = {
            "bound_service_account_names": ["app"], "bound_service_account_namespaces": ["shop"],
            "token_policies": policies, **settings,
        }  # fmt: skip
        openbao.api("POST", f"auth/{mount}/role/{self.role}", role)

    def token(self) -> str:
        """Returns a token of the service account that the role is for."""
        return self._kubernetes.token("shop", "app")

    def write_token(self, file: Path) -> Path:
        """Writes such a token to a file, as Kubernetes does for a pod."""
        file.write_text(self.token())
        return file


def _signed(key: ECKey, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "ES256"}, claims, key)
