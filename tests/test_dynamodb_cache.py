"""DynamoDB as a token cache, on moto."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from mpesa_secrets.caches import CacheDoor
from mpesa_secrets.errors import AccessDenied, ConfigurationError, StoreError, StoreUnavailable
from mpesa_secrets.testing.caches import TokenCacheContract
from tests.servers.aws import REGION, Aws
from tests.servers.faulty import FaultyProxy
from tests.servers.loopback import Request
from tests.terraform_policies import actions

KEY = "https://api.example#0123456789ab"


@pytest.fixture
def table(aws: Aws, aws_environment: dict[str, str]) -> str:  # noqa: ARG001
    """A table as the Terraform module makes it."""
    name = f"Tokens-{uuid4().hex[:8]}"
    client = aws.client("dynamodb")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.update_time_to_live(TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"})
    return name


@pytest.fixture
def url(table: str) -> str:
    return f"dynamodb://{table}?region={REGION}"


@pytest.fixture
def door(url: str) -> CacheDoor:
    return CacheDoor(url)


class TestDynamoDbCache(TokenCacheContract):
    """The contract."""

    brief = 0.8

    @pytest.fixture
    def url(self, table: str) -> str:
        return f"dynamodb://{table}?region={REGION}"


def put(door: CacheDoor, until: float) -> None:
    """Store an entry."""
    fence = door.call("lease", KEY, 5.0, timeout=5.0)
    assert door.call("store", KEY, b"entry", until, fence, timeout=5.0)


def updates(request: Request) -> bool:
    """Whether this is a write."""
    return request.target == "DynamoDB_20120810.UpdateItem"


@pytest.fixture
def proxy(
    aws: Aws, faulty_proxy: Callable[[str], FaultyProxy], monkeypatch: pytest.MonkeyPatch, table: str
) -> FaultyProxy:
    """A proxy on the way to the table."""
    assert table
    proxy = faulty_proxy(aws.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    return proxy


def test_item_is_as_the_documentation_says(door: CacheDoor, aws: Aws, table: str) -> None:
    """The time to live is a whole number not before the entry's end."""
    until = time.time() + 1000.5
    put(door, until)
    item = aws.client("dynamodb").get_item(TableName=table, Key={"id": {"S": KEY}})["Item"]
    assert set(item) == {"id", "entry", "expires_at", "fence", "holder", "leased_at"}
    assert item["entry"] == {"B": b"entry"}
    assert until <= int(item["expires_at"]["N"]) <= until + 1


def test_item_with_a_lease_alone_goes_by_itself_too(door: CacheDoor, aws: Aws, table: str) -> None:
    """A pair that was never accepted leaves nothing."""
    door.call("lease", KEY, 5.0, timeout=5.0)
    item = aws.client("dynamodb").get_item(TableName=table, Key={"id": {"S": KEY}})["Item"]
    assert int(item["expires_at"]["N"]) < time.time() + 3700


def test_lease_whose_answer_was_lost_is_had_all_the_same(door: CacheDoor, proxy: FaultyProxy) -> None:
    """The request is sent again, and does not meet itself."""
    proxy.fail_when(updates, "drop-after", times=1)
    fence = door.call("lease", KEY, 30.0, timeout=5.0)
    assert len([request for request in proxy.requests if updates(request)]) == 2
    assert door.call("store", KEY, b"entry", time.time() + 60, fence, timeout=5.0)


def test_entry_whose_answer_was_lost_is_stored(door: CacheDoor, proxy: FaultyProxy) -> None:
    """Once more does no harm."""
    fence = door.call("lease", KEY, 30.0, timeout=5.0)
    proxy.fail_when(updates, "drop-after", times=1)
    assert door.call("store", KEY, b"entry", time.time() + 60, fence, timeout=5.0)


def test_lease_of_a_clock_far_ahead_is_over(door: CacheDoor) -> None:
    """Whoever gave it to itself; a fence keeps it from harm."""
    ahead = CacheDoor(door._url).cache()
    ahead._wall = lambda: time.time() + 1e6
    old = ahead.lease(KEY, 5.0, 5.0)
    assert door.call("lease", KEY, 5.0, timeout=5.0) > old
    assert not ahead.store(KEY, b"older", time.time() + 60, old, 5.0)


def test_late_request_does_not_take_a_lease_away(url: str) -> None:
    """Its clock was read before the lease was given."""
    late = CacheDoor(url).cache()
    now = time.time()
    assert CacheDoor(url).call("lease", KEY, 30.0, timeout=5.0)
    late._wall = lambda: now - 1.0
    assert late.lease(KEY, 30.0, 5.0) is None


def test_denied_is_said(door: CacheDoor, proxy: FaultyProxy) -> None:
    """The identity may not write, or may not read."""
    proxy.fail_all("403")
    with pytest.raises(AccessDenied):
        door.call("load", KEY, timeout=5.0)


def test_table_that_does_not_answer_is_not_waited_for_long(door: CacheDoor, proxy: FaultyProxy) -> None:
    """Nor asked for ever."""
    proxy.fail_all("hang")
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        door.call("load", KEY, timeout=1.0)
    assert time.monotonic() - begun < 8.0


def test_missing_table_is_said(aws_environment: dict[str, str]) -> None:
    """It is named."""
    assert aws_environment
    with pytest.raises(StoreError, match=r"nowhere.*ResourceNotFound"):
        CacheDoor("dynamodb://nowhere").call("load", KEY, timeout=5.0)


@pytest.mark.parametrize("url", ["dynamodb://", "dynamodb:///table", "dynamodb://table/more"])
def test_other_urls_are_refused(url: str) -> None:
    """A table, and no more."""
    with pytest.raises(ConfigurationError):
        CacheDoor(url).cache()


def test_no_login_is_a_setting_to_correct(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no cache that is down."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", REGION)
    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        CacheDoor("dynamodb://table").call("load", KEY, timeout=5.0)


def test_the_rights_of_the_terraform_module_are_what_it_takes(
    door: CacheDoor, aws: Aws, faulty_proxy: Callable[[str], FaultyProxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole contract in one life of a lease, with no action allowed in vain."""
    proxy = faulty_proxy(aws.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    put(door, time.time() + 60)
    assert door.call("load", KEY, timeout=5.0) == b"entry"
    fence = door.call("lease", KEY, 5.0, timeout=5.0)
    assert door.call("renew", KEY, fence, 5.0, timeout=5.0)
    door.call("release", KEY, fence, timeout=5.0)
    asked = {f"dynamodb:{str(request.target).partition('.')[2]}" for request in proxy.requests}
    assert asked == actions("token-cache")
