"""A token as one writes it without us: the pair out of the environment, requests."""

import os

import requests

pair = os.environ["MPESA_CONSUMER_KEY"], os.environ["MPESA_CONSUMER_SECRET"]
answer = requests.get(
    f"{os.environ['MPESA_BASE_URL']}/oauth/v1/generate",
    params={"grant_type": "client_credentials"},
    auth=pair,
    timeout=20,
)
answer.raise_for_status()
print(len(answer.json()["access_token"]))
