"""What DescribeSecret's answer says: which version each stage is on, the history, and what to know before writing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mpesa_secrets.stores import Version

CURRENT, PREVIOUS, PENDING = "AWSCURRENT", "AWSPREVIOUS", "AWSPENDING"
# A version with several stages is the first of these; also the order of versions that are equally old.
_STATES = {CURRENT: "current", PREVIOUS: "previous", PENDING: "pending"}
_ORDER = ("pending", "current", "previous", "superseded")


def stages(described: Mapping[str, Any]) -> dict[str, str]:
    """Stage to the version that it is on."""
    labels: Mapping[str, list[str]] = described.get("VersionIdsToStages") or {}
    return {stage: version for version, on_it in labels.items() for stage in on_it}


def history(described: Mapping[str, Any], created: Mapping[str, float]) -> list[Version]:
    """The versions, the newest first.

    Args:
        described: DescribeSecret's answer, which knows the versions with a stage.
        created: version to unix seconds, for every version, or empty where listing them is denied.
    """
    on: Mapping[str, list[str]] = described.get("VersionIdsToStages") or {}
    dates = dict(created) or _change_of_current(described)
    versions = [Version(name, dates.get(name), _state(on.get(name, []))) for name in {**on, **created}]
    return sorted(versions, key=lambda each: (-created.get(each.version, 0.0), _ORDER.index(each.state)))


def remarks(described: Mapping[str, Any], region: str) -> list[str]:
    """What an operator should know before writing, a sentence each.

    Args:
        described: DescribeSecret's answer.
        region: the region that was asked.
    """
    found = []
    if described.get("PrimaryRegion") not in (None, region):
        found.append(f"this is a replica: it can be written only in {described['PrimaryRegion']}")
    elif replicas := [each.get("Region", "?") for each in described.get("ReplicationStatus") or []]:
        found.append(f"the replicas in {', '.join(replicas)} get a new version a little later")
    if described.get("RotationEnabled"):
        found.append("AWS's own rotation is switched on: its function writes to this secret too")
    if described.get("DeletedDate"):
        found.append("the secret is scheduled for deletion: it can be neither read nor written")
    return found


def _state(on_it: list[str]) -> str:
    return next((state for stage, state in _STATES.items() if stage in on_it), "superseded")


def _change_of_current(described: Mapping[str, Any]) -> dict[str, float]:
    """The nearest that DescribeSecret knows: when the secret changed last, be it by a tag only."""
    current, changed = stages(described).get(CURRENT), described.get("LastChangedDate")
    return {current: changed.timestamp()} if current and changed else {}
