"""AWS's errors as ours. Of what AWS says only the error code is shown: messages may repeat what was sent."""

from __future__ import annotations

import re
from typing import Any

from mpesa_secrets.errors import AccessDenied, ConfigurationError, MpesaSecretsError, StoreError, StoreUnavailable

_DENIED = (
    r"AccessDenied|NotAuthorized|Unauthorized|UnrecognizedClient|InvalidClientTokenId|Signature|ExpiredToken"
    r"|InvalidIdentityToken|MissingAuthenticationToken|OptInRequired|RequestExpired|DecryptionFailure|EncryptionFailure"
)
_BUSY = r"Throttl|TooManyRequests|RequestLimitExceeded|ThroughputExceeded|Unavailable|Timeout|^Internal"
# What AWS tells apart by words alone, by the name that `Refused.code` has for it.
_BY_WORDS = (
    (r"marked (for )?delet", "MarkedForDeletion"),
    (r"on a replica secret", "ReplicaSecret"),
)


class Refused(StoreError):
    """AWS answered with an error that only the caller can judge.

    Attributes:
        code: AWS's error code, or `MarkedForDeletion`, `ReplicaSecret`.
    """

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def translated(error: Exception, what: str) -> MpesaSecretsError:
    """One of our errors for whatever botocore raised.

    Args:
        error: the foreign exception.
        what: what was asked for, as the message shall name it.

    Returns:
        ConfigurationError for a login or setting that is missing, AccessDenied, StoreUnavailable, or Refused.
    """
    from botocore import exceptions as aws

    if isinstance(error, aws.ClientError):
        return _refusal(error, what)
    name = type(error).__name__
    if isinstance(error, (aws.HTTPClientError, aws.ConnectionError, aws.IncompleteReadError)):
        return StoreUnavailable(f"{what}: AWS cannot be reached ({name})", hint="check region, endpoint and network")
    if isinstance(error, (aws.MetadataRetrievalError, aws.CredentialRetrievalError)):
        return StoreUnavailable(f"{what}: the login service gave no credentials ({name})")
    if isinstance(error, aws.BotoCoreError):
        return ConfigurationError(f"{what}: {_complaint(error, name)}", hint=_advice(name))
    return StoreUnavailable(f"{what}: AWS's answer cannot be read ({name})")


def _refusal(error: Any, what: str) -> MpesaSecretsError:
    reason = error.response.get("Error", {})
    code = str(reason.get("Code", "Unknown"))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    why = f"{what}: {error.operation_name}: {code if re.fullmatch('[A-Za-z0-9.#_]+', code) else status}"
    if re.search(_BUSY, code) or status >= 500 or status == 429:
        return StoreUnavailable(why)
    if re.search(_DENIED, code) or status in {401, 403}:
        return AccessDenied(why, hint=_permission(error.operation_name, f"{code} {reason.get('Message')}"))
    return Refused(why, next((name for words, name in _BY_WORDS if re.search(words, str(reason.get("Message")))), code))


def _permission(operation: str, words: str) -> str:
    if "KMS" in words or "ryptionFailure" in words:
        return "the secret's key must allow this identity kms:Decrypt, and kms:GenerateDataKey to write"
    if "AccessDenied" in words:
        return f"this identity needs the permission {operation}"
    return "the AWS login is invalid or has run out: renew it"


def _complaint(error: Any, name: str) -> str:
    if name == "ProfileNotFound":
        return f"no AWS profile {error.kwargs.get('profile')!r}"
    return {
        "NoCredentialsError": "no AWS credentials",
        "PartialCredentialsError": "half of the AWS credentials is missing",
        "NoRegionError": "no AWS region",
        "ParamValidationError": "AWS cannot have such a name",
    }.get(name, f"botocore gives up ({name})")


def _advice(name: str) -> str:
    if name == "NoRegionError":
        return "set AWS_REGION or add ?region="
    if "SSO" in name or "Token" in name or "Login" in name:
        return "sign in again: aws sso login or aws login"
    return "check the AWS_ variables and the AWS configuration file"
