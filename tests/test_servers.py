"""The servers that the other tests stand on."""

from __future__ import annotations

from tests.servers.aws import Aws
from tests.servers.valkey import Valkey


def test_aws_keeps_a_secret(aws: Aws) -> None:
    """moto answers over HTTP."""
    client = aws.client("secretsmanager")
    client.create_secret(Name="mpesa/prod", SecretString="{}")
    assert client.get_secret_value(SecretId="mpesa/prod", VersionStage="AWSCURRENT")["SecretString"] == "{}"


def test_aws_is_empty_for_each_test(aws: Aws) -> None:
    """What another test stored is gone."""
    assert aws.client("secretsmanager").list_secrets()["SecretList"] == []


def test_valkey_goes_down_and_comes_back_on_its_port(valkey: Valkey) -> None:
    """A URL given to a client stays right."""
    valkey.command("SET", "a", "1")
    valkey.stop()
    valkey.start()
    assert valkey.command("GET", "a") == b"$-1\r\n"
