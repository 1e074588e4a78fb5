"""GetSecretValue's answer, as the API and the extension give it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from mpesa_secrets.credentials import Secret


def secret_of(answer: Mapping[str, Any]) -> Secret | None:
    """The secret in an answer; None where its value is no JSON object.

    Raises nothing: the exceptions of a parser carry the text that they choked on.

    Args:
        answer: `VersionId`, and `SecretString` or `SecretBinary` (bytes, or their base64 as text).
    """
    try:
        fields = json.loads(answer.get("SecretString") or _binary(answer))
    except (ValueError, TypeError, RecursionError):
        return None
    return Secret(fields, answer.get("VersionId")) if isinstance(fields, dict) else None


def _binary(answer: Mapping[str, Any]) -> bytes:
    return base64.b64decode(answer["SecretBinary"]) if _is_text(answer) else answer.get("SecretBinary") or b""


def _is_text(answer: Mapping[str, Any]) -> bool:
    return isinstance(answer.get("SecretBinary"), str)
