"""Sends an STK push; the event is the request's body. The layer holds all that it needs."""

from __future__ import annotations

from typing import Any

import requests

from mpesa_secrets import connect

mpesa = connect()  # does no I/O: init is short, and a SnapStart snapshot holds neither pair nor token
STK_PUSH = f"{mpesa.settings.base_url}/mpesa/stkpush/v1/processrequest"


def handler(event: dict[str, Any], _context: object) -> Any:
    """Returns Daraja's answer; its errors go to the caller as they come."""
    answer = requests.post(STK_PUSH, json=event, auth=mpesa.auth, timeout=20)
    answer.raise_for_status()
    return answer.json()
