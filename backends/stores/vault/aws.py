"""Who we are to AWS, signed for Vault: a GetCallerIdentity request that Vault sends to STS itself."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from mpesa_secrets.errors import ConfigurationError

# What Vault expects unless its administrator says otherwise: the global endpoint, signed for its region.
URL = "https://sts.amazonaws.com/"
REGION = "us-east-1"
BODY = "Action=GetCallerIdentity&Version=2011-06-15"


def signed_identity() -> dict[str, str]:
    """The fields of a login by Vault's aws method, type iam.

    Raises:
        ConfigurationError: botocore is not installed, or finds no credentials.
    """
    try:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
    except ModuleNotFoundError:
        raise ConfigurationError(
            "?auth=aws: the package botocore is not installed", hint="pip install 'mpesa-secrets[vault,aws]'"
        ) from None
    request = AWSRequest("POST", URL, data=BODY, headers={"Content-Type": "application/x-www-form-urlencoded"})
    SigV4Auth(_credentials(), "sts", REGION).add_auth(request)
    return {
        "iam_http_request_method": "POST",
        "iam_request_url": _encoded(URL),
        "iam_request_body": _encoded(BODY),
        # Vault looks at Host among them, which botocore leaves to the transport.
        "iam_request_headers": _encoded(json.dumps({"Host": "sts.amazonaws.com", **request.headers})),
    }


def _credentials() -> Any:
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    try:
        credentials = Session().get_credentials()
        frozen = credentials and credentials.get_frozen_credentials()
    except BotoCoreError as error:
        raise ConfigurationError(f"?auth=aws: {type(error).__name__} while looking for AWS credentials") from None
    if not frozen:
        raise ConfigurationError("?auth=aws: no AWS credentials", hint="set them up as for the aws command")
    return frozen


def _encoded(text: str) -> str:
    return b64encode(text.encode()).decode()
