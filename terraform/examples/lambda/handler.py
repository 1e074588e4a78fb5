"""Sends an STK push: the event is the request's body."""

from __future__ import annotations

import os
from typing import Any

import requests

from mpesa_secrets import connect

HOSTS = {"production": "https://api.safaricom.co.ke", "sandbox": "https://sandbox.safaricom.co.ke"}
STK_PUSH = HOSTS[os.environ["MPESA_ENVIRONMENT"]] + "/mpesa/stkpush/v1/processrequest"

mpesa = connect()  # outside the handler: warm invocations keep the token


def handler(event: dict[str, Any], context: object) -> Any:
    """Returns Daraja's answer; its errors go to the caller as they come."""
    answer = requests.post(STK_PUSH, json=event, auth=mpesa.auth, timeout=20)
    answer.raise_for_status()
    return answer.json()
