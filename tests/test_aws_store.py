"""The AWS store: its URLs, what it reads, where its history comes from, and what it tells an operator."""

from __future__ import annotations

import json
import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from mpesa_secrets_backends.stores.aws import open_store
from mpesa_secrets_backends.stores.aws.versions import remarks

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import ConfigurationError, MalformedSecret, SecretNotFound
from mpesa_secrets.testing.stores import StagingStoreContract
from tests.leaks import secrets_in_traceback, shows
from tests.servers.aws import REGION, Aws
from tests.servers.faulty import FaultyProxy
from tests.servers.loopback import Request
from tests.terraform_policies import actions

PAIR = {"consumer_key": "key-1", "consumer_secret": "hush-1", "shortcode": 174379}
NAME = "mpesa/prod"
URL = f"aws://{NAME}"

pytestmark = pytest.mark.usefixtures("aws_environment")


class TestAwsStore(StagingStoreContract):
    """The contract, in moto."""

    unknown_version = "01234567-89ab-cdef-0123-456789abcdef"

    @pytest.fixture
    def url_holding(self, aws: Aws, aws_environment: dict[str, str]) -> Callable[[Mapping[str, object]], str]:  # noqa: ARG002  for its effect
        """A new secret."""

        def url_holding(fields: Mapping[str, object]) -> str:
            name = f"mpesa/{secrets.token_hex(4)}"
            aws.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(fields))
            return f"aws://{name}"

        return url_holding

    @pytest.fixture
    def url_of_nothing(self, aws: Aws, aws_environment: dict[str, str]) -> str:  # noqa: ARG002  for their effect
        """A name that no secret has."""
        return "aws://mpesa/nothing"


@pytest.fixture
def manager(aws: Aws) -> Any:
    """Secrets Manager as its administrator sees it, with the pair in it."""
    client = aws.client("secretsmanager")
    client.create_secret(Name=NAME, SecretString=json.dumps(PAIR))
    return client


@pytest.fixture
def proxy(aws: Aws, faulty_proxy: Callable[[str], FaultyProxy], monkeypatch: pytest.MonkeyPatch) -> FaultyProxy:
    """Stands between the store and AWS."""
    made = faulty_proxy(aws.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    return made


def action(request: Request) -> str:
    """The IAM action that a request needs."""
    return str(request.target)


@pytest.mark.parametrize("name", ["plain", "a/b/c", "/from/the/root", "Case.Is_Kept+=@-", "prod!managed", "end/"])
def test_a_name_is_taken_as_it_stands(manager: Any, name: str) -> None:
    """Slashes, case and all; as it is, and percent-encoded."""
    manager.create_secret(Name=name, SecretString=json.dumps({"consumer_key": name}))
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    for spelling in (name, encoded):
        assert open_store(f"aws://{spelling}?key_field=consumer_key").read(5).fields == {"consumer_key": name}


@pytest.mark.parametrize(
    "url",
    ["aws://", "aws://?region=eu-west-1", "aws://a b", "aws://a%23b", "aws://a?via=maybe", "aws://a?regio=eu-west-1",
     "aws://arn:aws:secretsmanager", "aws://arn:aws:s3:::bucket",
     "aws://arn:aws:secretsmanager:eu-west-1:123456789012:secret:name-AbCdEf:key::"],
)  # fmt: skip
def test_a_url_of_another_shape_is_refused_at_once(url: str) -> None:
    """Before anybody is asked."""
    with pytest.raises(ConfigurationError) as refusal:
        open_store(url)
    assert refusal.value.hint


def test_an_arn_brings_its_region(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever region the environment names."""
    import boto3

    far = boto3.session.Session("a", "b", region_name="us-east-1").client("secretsmanager", endpoint_url=aws.endpoint)
    arn = far.create_secret(Name="far", SecretString=json.dumps(PAIR))["ARN"]
    monkeypatch.setenv("AWS_REGION", REGION)
    assert open_store(f"aws://{arn}").read(5).fields == PAIR


@pytest.mark.parametrize(
    ("url", "variables", "region"),
    [
        ("aws://x?region=eu-north-1", {"AWS_REGION": "eu-west-2"}, "eu-north-1"),
        ("aws://x", {"AWS_REGION": "eu-west-2", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-2"),
        ("aws://x", {"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-3"}, "eu-west-3"),
        ("aws://x?profile=other", {"AWS_REGION": ""}, "eu-central-1"),
        ("aws://x", {"AWS_REGION": "", "AWS_PROFILE": "other"}, "eu-central-1"),
    ],
)
def test_the_region_is_the_nearest_one_named(
    proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    url: str, variables: dict[str, str], region: str,
) -> None:  # fmt: skip
    """URL, AWS_REGION, AWS_DEFAULT_REGION, profile; read from the signature of the request."""
    config = tmp_path / "config"
    config.write_text(
        "[profile other]\nregion=eu-central-1\naws_access_key_id=AKIAOTHEROTHEROTHERO\naws_secret_access_key=s\n"
    )
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    for name, value in {"AWS_CONFIG_FILE": str(config), **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SecretNotFound):
        open_store(url).read(5)
    signed = proxy.requests[0].headers["Authorization"]
    assert f"/{region}/secretsmanager/" in signed
    assert ("AKIAOTHEROTHEROTHERO" in signed) == ("profile" in url)


def test_the_services_own_endpoint_variable_counts(manager: Any, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    """It goes before the general one."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert open_store(URL).read(5).fields == PAIR


def test_a_binary_secret_is_read(manager: Any) -> None:
    """JSON is JSON, however it was stored."""
    manager.put_secret_value(SecretId=NAME, SecretBinary=json.dumps(PAIR).encode())
    assert open_store(URL).read(5).fields == PAIR


@pytest.mark.parametrize("value", ["hush-1 as text", '["hush-1"]', '"hush-1"', '{"consumer_secret": "hush-1"'])
def test_a_value_that_is_no_object_is_malformed(manager: Any, value: str) -> None:
    """The error, its chain and our frames show nothing of it."""
    manager.put_secret_value(SecretId=NAME, SecretString=value)
    with pytest.raises(MalformedSecret) as error:
        open_store(URL).read(5)
    assert not secrets_in_traceback(error.value, ["hush-1"])


def test_bytes_that_are_no_text_are_malformed(manager: Any) -> None:
    """A key store, for instance."""
    manager.put_secret_value(SecretId=NAME, SecretBinary=b"\xff\xfe\x00hush-1")
    with pytest.raises(MalformedSecret):
        open_store(URL).read(5)


def test_a_secret_to_be_deleted_is_not_found(manager: Any) -> None:
    """And the hint says how it comes back."""
    manager.delete_secret(SecretId=NAME)
    with pytest.raises(SecretNotFound) as error:
        open_store(URL).read(5)
    assert "restore-secret" in str(error.value.hint)


def test_nothing_secret_is_logged(manager: Any, caplog: pytest.LogCaptureFixture) -> None:  # noqa: ARG001
    """Botocore's DEBUG log holds whole requests and answers, but not these."""
    caplog.set_level(logging.DEBUG)
    store = open_store(URL)
    old = store.read(5)
    store.promote(store.write(Secret({**old.fields, "consumer_secret": "hush-2"}, old.version), 5), str(old.version), 5)
    assert "botocore" in caplog.text
    assert not shows(caplog.text, ["hush-1", "hush-2"])


def test_boto3_is_not_imported(manager: Any) -> None:  # noqa: ARG001
    """Botocore alone does it, in less time."""
    code = f"from mpesa_secrets.stores import StoreDoor; StoreDoor({URL!r}).read(5); print('boto3' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", f"import sys; {code}"], capture_output=True, text=True, check=False)
    assert run.stdout == "False\n", run.stderr


def test_a_forked_child_reads_over_its_own_connection(manager: Any) -> None:  # noqa: ARG001
    """As the workers of a web server do after the parent has read."""
    store = open_store(URL)
    store.read(5)
    child = os.fork()
    if child == 0:
        os._exit(0 if store.read(5).fields == PAIR else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert store.read(5).fields == PAIR


def test_a_reader_needs_the_readers_permissions_only(manager: Any, proxy: FaultyProxy) -> None:
    """`read` and `history` work with what Terraform's module allows; without listing, the dates are fewer."""
    manager.put_secret_value(SecretId=NAME, SecretString=json.dumps(PAIR))
    proxy.fail_when(lambda request: action(request).replace(".", ":") not in actions("reader"), "403")
    store = open_store(URL)
    store.read(5)
    now, before = store.history(5)
    assert (now.state, before.state) == ("current", "previous")
    assert now.created_at is not None
    assert before.created_at is None
    asked = [action(request) for request in proxy.requests]
    assert asked == [f"secretsmanager.{each}" for each in ("GetSecretValue", "DescribeSecret", "ListSecretVersionIds")]


def test_history_knows_versions_without_a_stage(manager: Any) -> None:
    """Those that AWS calls deprecated are superseded, oldest last."""
    for _ in range(3):
        manager.put_secret_value(SecretId=NAME, SecretString=json.dumps(PAIR))
    versions = open_store(URL).history(5)
    assert [version.state for version in versions[:2]] == ["current", "previous"]
    assert all(version.created_at for version in versions)


def test_remarks_tell_of_aws_own_rotation_and_of_deletion(manager: Any) -> None:
    """Moto cannot rotate without a function, so that answer is one of AWS's documents."""
    manager.delete_secret(SecretId=NAME)
    (remark,) = open_store(URL).remarks(5)
    assert "deletion" in remark
    (remark,) = remarks({"RotationEnabled": True}, REGION)
    assert "rotation" in remark


def test_remarks_tell_of_replicas(manager: Any) -> None:
    """What surprises somebody who writes."""
    assert open_store(URL).remarks(5) == []
    manager.replicate_secret_to_regions(SecretId=NAME, AddReplicaRegions=[{"Region": "eu-west-3"}])
    (remark,) = open_store(URL).remarks(5)
    assert "eu-west-3" in remark
    (remark,) = open_store(f"{URL}?region=eu-west-3").remarks(5)
    assert REGION in remark
