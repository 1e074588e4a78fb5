"""The stand-in for Vault's AWS login takes what AWS's own code has signed, and nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
import requests

from tests.servers.aws import ACCESS_KEY, SECRET_KEY
from tests.servers.openbao import OpenBao
from tests.servers.vault_aws import VaultAws

BODY = "Action=GetCallerIdentity&Version=2011-06-15"


@pytest.fixture
def vault_aws(openbao: OpenBao) -> Iterator[VaultAws]:
    """A Vault with the AWS login; the header with its name is obligatory."""
    with VaultAws(openbao, ["default"], server_id="vault.example") as server:
        yield server


def signed(secret_key: str = SECRET_KEY, server_id: str = "vault.example") -> dict[str, str]:
    """Returns the body of a login, signed by botocore."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    headers = {"X-Vault-AWS-IAM-Server-ID": server_id, "Host": "sts.amazonaws.com"}
    request = AWSRequest("POST", "https://sts.amazonaws.com/", headers, BODY)
    SigV4Auth(Credentials(ACCESS_KEY, secret_key), "sts", "us-east-1").add_auth(request)
    return {
        "role": "app",
        "iam_http_request_method": "POST",
        "iam_request_url": encoded("https://sts.amazonaws.com/"),
        "iam_request_body": encoded(BODY),
        "iam_request_headers": encoded(json.dumps({name: [value] for name, value in request.headers.items()})),
    }


def encoded(text: str) -> str:
    """Returns the base64 of a text."""
    return base64.b64encode(text.encode()).decode()


def login(vault: VaultAws, body: dict[str, str]) -> requests.Response:
    """Posts a login."""
    return requests.post(f"{vault.url}/v1/auth/aws/login", json=body, timeout=10)


def test_a_signed_login_makes_a_token_that_works(vault_aws: VaultAws) -> None:
    """All that is no login goes on to OpenBao, where the token is good."""
    token = login(vault_aws, signed()).json()["auth"]["client_token"]
    url = f"{vault_aws.url}/v1/auth/token/lookup-self"
    assert requests.get(url, headers={"X-Vault-Token": token}, timeout=10).json()["data"]["id"] == token


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (signed(secret_key="another"), "SignatureDoesNotMatch"),
        (signed(server_id="elsewhere"), "Server-ID"),
        (signed() | {"role": "other"}, "role other"),
        (signed() | {"iam_request_body": encoded("Action=GetUser")}, "GetCallerIdentity"),
        (signed() | {"iam_request_url": encoded("https://evil.example/")}, "STS endpoint"),
        ({"role": "app"}, "missing iam_http_request_method"),
    ],
)
def test_a_login_that_aws_or_vault_would_refuse_is_refused(vault_aws: VaultAws, body: dict[str, str], why: str) -> None:
    """With 400 and the reason."""
    answer = login(vault_aws, body)
    assert answer.status_code == 400
    assert why in answer.json()["errors"][0]
