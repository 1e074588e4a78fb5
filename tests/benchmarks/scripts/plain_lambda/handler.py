"""The example handler as one would write it with boto3 and requests."""

import json
import os
from typing import Any

import boto3
import requests

secrets = boto3.client("secretsmanager")
BASE = os.environ["MPESA_BASE_URL"]


def handler(event: dict[str, Any], _context: object) -> Any:
    """Sends an STK push with a token of its own."""
    pair = json.loads(secrets.get_secret_value(SecretId="mpesa/prod")["SecretString"])
    token = requests.get(
        f"{BASE}/oauth/v1/generate",
        params={"grant_type": "client_credentials"},
        auth=(pair["consumer_key"], pair["consumer_secret"]),
        timeout=20,
    ).json()["access_token"]
    answer = requests.post(
        f"{BASE}/mpesa/stkpush/v1/processrequest",
        json=event,
        headers={"Authorization": f"Bearer {token}"},
        timeout=20,
    )
    answer.raise_for_status()
    return answer.json()
