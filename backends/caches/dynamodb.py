"""A table of AWS DynamoDB as a token cache, for fleets that have no server of their own, such as Lambda functions.

One item for each key, with the partition key `id`; every change is one conditional UpdateItem. Leases end by the clocks
of those who ask: where these differ by more than a lease lasts, a token more may be fetched, and nothing worse.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any

from mpesa_secrets.errors import ConfigurationError, StoreUnavailable
from mpesa_secrets.urls import parameter, split

from ..stores.aws.api import AwsApi
from ..stores.aws.errors import Refused

_WAIT = 2.0  # seconds for connecting, and for an answer; the caller's own bound holds before that
_AHEAD = 5.0  # seconds, or as long as the lease, by which another clock may be ahead or a request late
_KEPT = 3600  # seconds that an item with a lease is kept, whatever else is in it

_FREE = "attribute_not_exists(leased_until) OR leased_until <= :now OR leased_at > :ahead OR holder = :holder"
_LEASE = (
    "SET fence = if_not_exists(fence, :clock) + :one, holder = :holder,"
    " leased_at = :now, leased_until = :until, expires_at = :kept"
)
_LAST = "fence = :fence"


class DynamoDbCache:
    """Entries and leases in one table.

    Args:
        table: its name.
        region: default: what botocore finds.
        profile: likewise.
        wall: unix seconds.
    """

    def __init__(
        self,
        table: str,
        region: str | None = None,
        profile: str | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._table = table
        self._api = AwsApi("dynamodb", f"table {table}", region, profile)
        self._wall = wall

    def prepare(self) -> None:
        """Find the login and make the client."""
        self._api.prepare(_WAIT)

    def load(self, key: str, timeout: float) -> bytes | None:  # noqa: ARG002  see _WAIT
        """The newest entry, or None."""
        answer = self._call(
            "get_item",
            Key=_key(key),
            ConsistentRead=True,
            ProjectionExpression="entry",
        )
        entry: bytes | None = answer.get("Item", {}).get("entry", {}).get("B")
        return entry

    def lease(self, key: str, seconds: float, timeout: float) -> int | None:  # noqa: ARG002
        """A lease, unless one is out."""
        now = self._wall()
        answer = self._update(
            key,
            _LEASE,
            _FREE,
            {
                # By the clock, so that numbers go on rising even if the item is removed.
                ":clock": int(now * 1000),
                ":one": 1,
                ":now": now,
                ":ahead": now + max(seconds, _AHEAD),
                ":until": now + seconds,
                ":kept": int(now + _KEPT),
            },
            # Known by its name, a request that was sent again because its answer was lost does not meet itself.
            {":holder": {"S": token_hex(8)}},
        )
        return None if answer is None else int(answer["Attributes"]["fence"]["N"])

    def renew(self, key: str, fence: int, seconds: float, timeout: float) -> bool:  # noqa: ARG002
        """Prolong the lease, if it is the last one given."""
        now = self._wall()
        change = "SET leased_at = :now, leased_until = :until"
        numbers = {":fence": fence, ":now": now, ":until": now + seconds}
        return self._update(key, change, _LAST, numbers) is not None

    def store(self, key: str, entry: bytes, expires_at: float, fence: int, timeout: float) -> bool:  # noqa: ARG002
        """Replace the entry, if the lease is the last one given."""
        change = "SET entry = :entry, expires_at = :end REMOVE leased_until"
        numbers = {":fence": fence, ":end": int(expires_at) + 1}
        return self._update(key, change, _LAST, numbers, {":entry": {"B": entry}}) is not None

    def release(self, key: str, fence: int, timeout: float) -> None:  # noqa: ARG002
        """End the lease, if it is the last one given."""
        self._update(key, "REMOVE leased_until", _LAST, {":fence": fence})

    def _update(
        self,
        key: str,
        change: str,
        condition: str,
        numbers: Mapping[str, float],
        others: dict[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """The answer, or None where the condition does not hold."""
        try:
            return self._call(
                "update_item",
                Key=_key(key),
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeValues={name: {"N": repr(value)} for name, value in numbers.items()}
                | (others or {}),
                ReturnValues="UPDATED_NEW",
            )
        except Refused as refusal:
            if refusal.code == "ConditionalCheckFailedException":
                return None
            raise

    def _call(self, operation: str, **parameters: object) -> dict[str, Any]:
        """Once more after a lost connection: AWS closes those that were idle."""
        try:
            return self._api.once(operation, _WAIT, TableName=self._table, **parameters)
        except StoreUnavailable:
            time.sleep(random.uniform(0.0, 0.2))
            return self._api.once(operation, _WAIT, TableName=self._table, **parameters)


def _key(key: str) -> dict[str, Any]:
    return {"id": {"S": key}}


def open_cache(url: str) -> DynamoDbCache:
    """The cache for `dynamodb://TABLE?region=&profile=`. Looks for a login, and asks no table.

    Raises:
        ConfigurationError: the URL has another shape, or there is no login.
        StoreUnavailable, AccessDenied: the login cannot be had now.
        ModuleNotFoundError: botocore is not installed.
    """
    parts = split(url)
    # Not hostname, which is in lower case: a table's name is not.
    if not parts.netloc or parts.path.strip("/") or parts.fragment:
        raise ConfigurationError("MPESA_TOKEN_CACHE: a table and no more is wanted", hint="dynamodb://TABLE?region=…")
    cache = DynamoDbCache(parts.netloc, parameter(url, "region"), parameter(url, "profile"))
    cache.prepare()
    return cache


open_cache.url_form = "dynamodb://TABLE?region="  # type: ignore[attr-defined]  # shown by `mpesa-secrets backends`
