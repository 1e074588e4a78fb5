"""A token as one writes it without us: the pair out of AWS Secrets Manager by boto3, requests."""

import json
import os

import boto3
import requests

name = os.environ["MPESA_SECRETS_URL"].removeprefix("aws://")
found = boto3.client("secretsmanager").get_secret_value(SecretId=name)
secret = json.loads(found["SecretString"])
answer = requests.get(
    f"{os.environ['MPESA_BASE_URL']}/oauth/v1/generate",
    params={"grant_type": "client_credentials"},
    auth=(secret["consumer_key"], secret["consumer_secret"]),
    timeout=20,
)
answer.raise_for_status()
print(len(answer.json()["access_token"]))
