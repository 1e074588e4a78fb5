"""A plain HTTP client of the simulated Daraja, that knows nothing of the product's own."""

from __future__ import annotations

import base64
import http.client
import json
from typing import NamedTuple
from urllib.parse import urlsplit

from mpesa_secrets.simulator import Simulator

TOKEN = "/oauth/v1/generate?grant_type=client_credentials"
KEY, SECRET = "k" * 48, "s" * 64


class Answer(NamedTuple):
    """What came back: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """The body, a JSON object."""
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def token(self) -> str:
        """The access token in it."""
        return str(self.json["access_token"])


def connect(daraja: Simulator) -> http.client.HTTPConnection:
    """A connection of one's own, to keep."""
    return http.client.HTTPConnection(urlsplit(daraja.base_url).netloc, timeout=5)


def call(daraja: Simulator, method: str, path: str, authorization: str = "", body: object = None) -> Answer:
    """One request on a connection of its own."""
    connection = connect(daraja)
    try:
        headers = {"Authorization": authorization} if authorization else {}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, response.read())
    finally:
        connection.close()


def basic(key: str = KEY, secret: str = SECRET) -> str:
    """The Authorization header of a pair."""
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def ask(daraja: Simulator, key: str = KEY, secret: str = SECRET) -> Answer:
    """One token request."""
    return call(daraja, "GET", TOKEN, basic(key, secret))


def pay(daraja: Simulator, token: str, path: str = "/mpesa/b2c/v3/paymentrequest") -> Answer:
    """One call of a business API."""
    return call(daraja, "POST", path, f"Bearer {token}", {"Amount": 1})
