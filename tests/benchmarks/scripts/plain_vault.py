"""A token as one writes it without us: the pair out of Vault by hvac, requests."""

import os

import hvac
import requests

mount, _, path = os.environ["MPESA_SECRETS_URL"].removeprefix("vault://").partition("/")
client = hvac.Client()
found = client.secrets.kv.v2.read_secret_version(path=path, mount_point=mount, raise_on_deleted_version=True)
secret = found["data"]["data"]
answer = requests.get(
    f"{os.environ['MPESA_BASE_URL']}/oauth/v1/generate",
    params={"grant_type": "client_credentials"},
    auth=(secret["consumer_key"], secret["consumer_secret"]),
    timeout=20,
)
answer.raise_for_status()
print(len(answer.json()["access_token"]))
