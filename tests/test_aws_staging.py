"""Writing to AWS: who may, what happens when answers get lost, and which stages are on what afterwards."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any

import pytest
from mpesa_secrets_backends.stores.aws import AwsStore, open_store

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import (
    AccessDenied,
    Conflict,
    MalformedSecret,
    ReadOnlyStore,
    SecretNotFound,
    StoreUnavailable,
)
from tests.leaks import secrets_in_traceback
from tests.servers.aws import Aws
from tests.servers.faulty import FaultyProxy
from tests.servers.loopback import Request
from tests.terraform_policies import actions

NAME = "mpesa/prod"
OLD = {"consumer_key": "key-1", "consumer_secret": "hush-1", "shortcode": 174379}
NEW = {**OLD, "consumer_key": "key-2", "consumer_secret": "hush-2"}


@pytest.fixture
def manager(aws: Aws) -> Any:
    """Secrets Manager as its administrator sees it, with the old pair in it."""
    client = aws.client("secretsmanager")
    client.create_secret(Name=NAME, SecretString=json.dumps(OLD))
    return client


@pytest.fixture
def proxy(
    manager: Any,  # noqa: ARG001  the secret is to be there
    aws: Aws,
    aws_environment: dict[str, str],  # noqa: ARG001  for its effect
    faulty_proxy: Callable[[str], FaultyProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> FaultyProxy:
    """Stands between the store and AWS."""
    made = faulty_proxy(aws.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    return made


@pytest.fixture
def store(proxy: FaultyProxy) -> AwsStore:  # noqa: ARG001  in between
    """The store under test."""
    return open_store(f"aws://{NAME}")


@pytest.fixture
def current(store: AwsStore, proxy: FaultyProxy) -> str:
    """The version of the old pair."""
    version: str | None = store.read(5).version
    proxy.requests.clear()
    assert version is not None
    return version


def asks(operation: str) -> Callable[[Request], bool]:
    """Picks the requests for an operation."""
    return lambda request: request.target == f"secretsmanager.{operation}"


def stages(manager: Any) -> dict[str, str]:
    """Stage to version, as AWS has it."""
    found = manager.describe_secret(SecretId=NAME)["VersionIdsToStages"]
    return {stage: version for version, on_it in found.items() for stage in on_it}


def test_a_rerun_takes_the_stage_from_what_was_left(store: AwsStore, current: str, manager: Any) -> None:
    """Whoever was killed after writing leaves a version that nobody promotes; one of two reruns wins."""
    left = store.write(Secret(NEW, current), 5)
    again = open_store(f"aws://{NAME}").write(Secret(NEW, current), 5)
    assert again != left
    assert stages(manager) == {"AWSCURRENT": current, "AWSPENDING": again}


@pytest.mark.parametrize("fault", ["drop-after", "500-after", "corrupt", "drop-before", "503"])
def test_a_lost_answer_is_asked_for_again(
    store: AwsStore, proxy: FaultyProxy, current: str, manager: Any, fault: str
) -> None:
    """Writing and promoting end as if nothing had been lost."""
    proxy.fail_when(asks("PutSecretValue"), fault, times=1)
    proxy.fail_when(asks("UpdateSecretVersionStage"), fault, times=1)
    version = store.write(Secret(NEW, current), 5)
    store.promote(version, current, 5)
    assert store.read(5) == Secret(NEW, version)
    assert stages(manager) == {"AWSCURRENT": version, "AWSPREVIOUS": current}


@pytest.mark.parametrize("fault", ["drop-after", "500-after", "hang-after", "503"])
def test_a_write_that_fails_leaves_nothing_pending(
    store: AwsStore, proxy: FaultyProxy, current: str, manager: Any, fault: str
) -> None:
    """A leftover AWSPENDING would make AWS's own rotation refuse; the error shows no secret."""
    proxy.fail_when(asks("PutSecretValue"), fault)
    with pytest.raises(StoreUnavailable) as error:
        store.write(Secret(NEW, current), 2)
    assert stages(manager) == {"AWSCURRENT": current}
    assert not secrets_in_traceback(error.value, ["hush-1", "hush-2"])


def test_a_number_that_json_cannot_say_is_not_written(store: AwsStore, current: str, manager: Any) -> None:
    """1e400 was read as infinity; other readers could not read that back."""
    with pytest.raises(MalformedSecret) as error:
        store.write(Secret({**NEW, "limit": float("inf")}, current), 5)
    assert stages(manager) == {"AWSCURRENT": current}
    assert not secrets_in_traceback(error.value, ["hush-1", "hush-2"])


def test_a_denied_write_is_access_denied(store: AwsStore, proxy: FaultyProxy, current: str) -> None:
    """With nothing to clean up."""
    proxy.fail_when(asks("PutSecretValue"), "403")
    with pytest.raises(AccessDenied) as error:
        store.write(Secret(NEW, current), 5)
    assert "PutSecretValue" in str(error.value.hint)
    assert len(proxy.requests) == 2
    assert not secrets_in_traceback(error.value, ["hush-1", "hush-2"])


def test_somebody_elses_rotation_is_left_alone(store: AwsStore, current: str, manager: Any) -> None:
    """The hint says how a dead one is taken off."""
    theirs = f"theirs-{secrets.token_hex(16)}"
    manager.put_secret_value(SecretId=NAME, SecretString="{}", ClientRequestToken=theirs, VersionStages=["AWSPENDING"])
    with pytest.raises(Conflict) as error:
        store.write(Secret(NEW, current), 5)
    assert theirs in str(error.value.hint)
    assert stages(manager)["AWSPENDING"] == theirs


def test_a_leftover_of_ours_is_superseded(store: AwsStore, current: str, manager: Any) -> None:
    """Of a rotation with another pair that was killed."""
    store.write(Secret({**NEW, "consumer_key": "key-of-yesterday"}, current), 5)
    version = store.write(Secret(NEW, current), 5)
    assert stages(manager)["AWSPENDING"] == version


def test_pending_on_the_current_version_is_no_rotation(store: AwsStore, current: str, manager: Any) -> None:
    """AWS's own rotation functions leave it there when they are done."""
    manager.update_secret_version_stage(SecretId=NAME, VersionStage="AWSPENDING", MoveToVersionId=current)
    version = store.write(Secret(NEW, current), 5)
    assert stages(manager) == {"AWSCURRENT": current, "AWSPENDING": version}


def test_moving_back_puts_all_stages_back(store: AwsStore, current: str, manager: Any) -> None:
    """AWSPREVIOUS too: a rollback must not find the version that was just undone."""
    older = manager.put_secret_value(SecretId=NAME, SecretString=json.dumps(OLD))["VersionId"]
    before = stages(manager)
    assert before == {"AWSCURRENT": older, "AWSPREVIOUS": current}
    version = store.write(Secret(NEW, older), 5)
    store.promote(version, older, 5)
    assert stages(manager) == {"AWSCURRENT": version, "AWSPREVIOUS": older}
    store.promote(older, version, 5)
    assert stages(manager) == before


def test_moving_back_the_first_version_leaves_no_previous(store: AwsStore, current: str, manager: Any) -> None:
    """As there was none before."""
    version = store.write(Secret(NEW, current), 5)
    store.promote(version, current, 5)
    store.promote(current, version, 5)
    assert stages(manager) == {"AWSCURRENT": current}


def test_a_rollback_keeps_the_way_forward(store: AwsStore, current: str, manager: Any) -> None:
    """Moving to AWSPREVIOUS in another process is no undoing: the two versions change places."""
    version = store.write(Secret(NEW, current), 5)
    store.promote(version, current, 5)
    open_store(f"aws://{NAME}").promote(current, version, 5)
    assert stages(manager) == {"AWSCURRENT": current, "AWSPREVIOUS": version}


def test_somebody_elses_pending_stays_at_promotion(store: AwsStore, current: str, manager: Any) -> None:
    """Only our own version loses the stage."""
    version = store.write(Secret(NEW, current), 5)
    theirs = manager.put_secret_value(SecretId=NAME, SecretString="{}", VersionStages=["AWSPENDING"])["VersionId"]
    store.promote(version, current, 5)
    store.discard(version, 5)
    assert stages(manager)["AWSPENDING"] == theirs


def test_a_version_without_a_value_is_not_found(store: AwsStore, proxy: FaultyProxy, current: str) -> None:
    """AWS announces such versions, and answers ResourceNotFoundException for them."""
    proxy.fail_when(asks("GetSecretValue"), "404")
    with pytest.raises(SecretNotFound):
        store.read_version(current, 5)


def test_a_note_is_left_as_tags(store: AwsStore, manager: Any) -> None:
    """What a tag cannot hold becomes an underscore; what others tagged stays."""
    manager.tag_resource(SecretId=NAME, Tags=[{"Key": "team", "Value": "payments"}])
    store.annotate({"by": "Zoë <zoe@example.org>", "at": "2026-01-02T03:04:05Z"}, 5)
    tags = {tag["Key"]: tag["Value"] for tag in manager.describe_secret(SecretId=NAME)["Tags"]}
    assert tags == {
        "team": "payments",
        "mpesa-secrets:by": "Zoë _zoe@example.org_",
        "mpesa-secrets:at": "2026-01-02T03:04:05Z",
    }


def test_a_denied_note_is_access_denied(store: AwsStore, proxy: FaultyProxy) -> None:
    """Whoever rotates is to be told."""
    proxy.fail_all("403")
    with pytest.raises(AccessDenied):
        store.annotate({"by": "me"}, 5)


def test_a_replica_is_read_only(manager: Any, store: AwsStore) -> None:  # noqa: ARG001  sets the endpoint
    """It is written where it comes from."""
    manager.replicate_secret_to_regions(SecretId=NAME, AddReplicaRegions=[{"Region": "eu-west-3"}])
    replica = open_store(f"aws://{NAME}?region=eu-west-3")
    with pytest.raises(ReadOnlyStore) as error:
        replica.write(Secret(NEW, replica.read(5).version), 5)
    assert "region" in str(error.value.hint)


def test_a_rotation_needs_the_rotators_permissions_only(store: AwsStore, proxy: FaultyProxy) -> None:
    """Every verb together asks for exactly what Terraform's module allows."""
    old = store.read(5)
    version = store.write(Secret(NEW, old.version), 5)
    store.read_version(version, 5)
    store.promote(version, str(old.version), 5)
    store.reread(5)
    store.annotate({"by": "me"}, 5)
    store.history(5)
    store.remarks(5)
    store.promote(str(old.version), version, 5)
    store.discard(version, 5)
    assert {str(request.target).replace(".", ":") for request in proxy.requests} == actions("rotator")
