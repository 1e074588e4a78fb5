"""One secret in AWS Secrets Manager through the API: read, and written with AWS's stages.

A write is AWSPENDING, which no reader asks for, until AWSCURRENT is moved to it; AWS then moves AWSPREVIOUS to the
version before.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from mpesa_secrets.credentials import Secret
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import (
    AccessDenied,
    Conflict,
    MalformedSecret,
    ReadOnlyStore,
    SecretNotFound,
    StoreError,
    StoreUnavailable,
)
from mpesa_secrets.stores import Version

from .answer import secret_of
from .api import AwsApi
from .errors import Refused
from .versions import CURRENT, PENDING, PREVIOUS, history, remarks, stages

# What our versions are called, by which a leftover of ours is told from somebody else's rotation.
_OURS = "mpesa-secrets-"
_WRITE_SHARE = 0.8
_CLEANING_SECONDS = 1.0
_NO_TAG = r"[^\w +\-=.:/@]"
_REFUSALS: dict[str, tuple[type[StoreError], str, str]] = {
    "ResourceNotFoundException": (SecretNotFound, "no such secret, or no value in it", "check name and region"),
    "MarkedForDeletion": (SecretNotFound, "scheduled for deletion", "aws secretsmanager restore-secret brings it back"),
    "ReplicaSecret": (ReadOnlyStore, "a replica", "write in the primary region: add its ?region="),
    "ResourceExistsException": (Conflict, "this version exists with another value", "run the command again"),
    "LimitExceededException": (StoreError, "one of AWS's limits is reached", "AWS wants few versions a day"),
}


class AwsSecret:
    """A secret by name or ARN.

    Args:
        name: its name or ARN.
        api: Secrets Manager.
    """

    def __init__(self, name: str, api: AwsApi) -> None:
        self._name = name
        self._api = api
        # What `promote` moved last: from where, to where, and where AWSPREVIOUS was before.
        self._moved: tuple[str, str, str | None] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._name})"

    def reread(self, timeout: float) -> Secret:
        """The secret at AWSCURRENT, from the API.

        Raises:
            SecretNotFound, AccessDenied, StoreUnavailable, MalformedSecret, ConfigurationError.
        """
        return self._value(timeout, VersionStage=CURRENT)

    def read_version(self, version: str, timeout: float) -> Secret:
        """The secret at one version; SecretNotFound also for one that was announced and never got a value."""
        return self._value(timeout, VersionId=version)

    def history(self, timeout: float) -> list[Version]:
        """The versions, the newest first; only those with a stage, and no dates, where listing is denied."""
        deadline = Deadline(timeout)
        described = self._described(deadline.left())
        created: dict[str, float] = {}
        with contextlib.suppress(AccessDenied):
            created = self._created(deadline)
        return history(described, created)

    def remarks(self, timeout: float) -> list[str]:
        """Replicas, AWS's own rotation, and a deletion that is under way."""
        described = self._described(timeout)
        return remarks(described, described["ARN"].split(":")[3])

    def write(self, secret: Secret, timeout: float) -> str:
        """Store a version at AWSPENDING, if AWSCURRENT is still on `secret.version`; returns the version.

        Each call makes a version of its own, so of two rotations to the same pair one is promoted and the other hears
        of it; what an earlier one of ours left at AWSPENDING loses that stage.

        Raises:
            Conflict: another version is current, or somebody else's rotation is under way.
        """
        deadline = Deadline(timeout)
        self._check(secret.version, self._stages(deadline.left()))
        version = _OURS + secrets.token_hex(16)
        try:
            self._call(
                "put_secret_value",
                deadline.left() * _WRITE_SHARE,
                lambda: {"SecretString": _text(secret)},
                ClientRequestToken=version,
                VersionStages=[PENDING],
            )
        except BaseException as error:
            if not isinstance(error, StoreError) or error.retryable:
                self._quietly(PENDING, max(deadline.left(), _CLEANING_SECONDS), take_from=version)
            raise
        return version

    def promote(self, version: str, expected: str, timeout: float) -> None:
        """Move AWSCURRENT from `expected` to `version`, and take AWSPENDING off it.

        Moving back what this object moved just before puts AWSPREVIOUS back too.

        Raises:
            Conflict: AWSCURRENT is on neither.
        """
        deadline = Deadline(timeout)
        before = self._stages(deadline.left())
        try:
            self._move(CURRENT, deadline.left(), take_from=expected, put_on=version)
        except Refused:
            # Or it had been moved already, and the answer was lost.
            if self._stages(deadline.left()).get(CURRENT) != version:
                raise self._conflict(f"{expected} is current no more", "run the command again") from None
        if before.get(PENDING) == version:
            self._quietly(PENDING, deadline.left(), take_from=version)
        self._restore_previous(version, expected, deadline)
        self._moved = expected, version, before.get(PREVIOUS)

    def discard(self, version: str, timeout: float) -> None:
        """Take AWSPENDING off a version; quiet if it is not there."""
        with contextlib.suppress(Refused, SecretNotFound):
            self._move(PENDING, timeout, take_from=version)

    def annotate(self, note: Mapping[str, str], timeout: float) -> None:
        """Leave each entry as a tag `mpesa-secrets:<key>`; what a tag cannot hold becomes `_`."""
        tags = [
            {"Key": f"mpesa-secrets:{key}", "Value": re.sub(_NO_TAG, "_", value)[:256]} for key, value in note.items()
        ]
        self._call("tag_resource", timeout, Tags=tags)

    def _value(self, timeout: float, **which: str) -> Secret:
        secret = secret_of(self._call("get_secret_value", timeout, **which))
        if secret is None:
            raise MalformedSecret(f"aws://{self._name}: no JSON object", hint="store it as one JSON object")
        if secret.version is None:
            raise self._garbled()
        return secret

    def _described(self, timeout: float) -> dict[str, Any]:
        described = self._call("describe_secret", timeout)
        if "ARN" not in described:
            raise self._garbled()
        return described

    def _stages(self, timeout: float) -> dict[str, str]:
        return stages(self._described(timeout))

    def _created(self, deadline: Deadline) -> dict[str, float]:
        created: dict[str, float] = {}
        page: dict[str, str] = {}
        while True:
            answer = self._call("list_secret_version_ids", deadline.left(), IncludeDeprecated=True, **page)
            found = answer.get("Versions", [])
            created |= {each["VersionId"]: each["CreatedDate"].timestamp() for each in found if "CreatedDate" in each}
            if not answer.get("NextToken"):
                return created
            page = {"NextToken": answer["NextToken"]}

    def _check(self, expected: str | None, on: dict[str, str]) -> None:
        if on.get(CURRENT) != expected or expected is None:
            raise self._conflict(f"{expected} is current no more", "run the command again")
        pending = on.get(PENDING, expected)
        if pending != expected and not pending.startswith(_OURS):
            raise self._conflict(
                f"another rotation is under way: {PENDING} is on {pending}",
                "wait for it; if it is dead: aws secretsmanager update-secret-version-stage"
                f" --secret-id {self._name} --version-stage {PENDING} --remove-from-version-id {pending}",
            )

    def _restore_previous(self, version: str, expected: str, deadline: Deadline) -> None:
        if self._moved is None or self._moved[:2] != (version, expected):
            return
        previous = self._moved[2]
        if previous != expected:
            self._quietly(PREVIOUS, deadline.left(), take_from=expected, put_on=previous)

    def _quietly(self, stage: str, timeout: float, take_from: str, put_on: str | None = None) -> None:
        """For stages that no reader asks for: tried twice; what is left over is put right by the next write."""
        for _ in range(2):
            with contextlib.suppress(StoreError):
                self._move(stage, timeout, take_from, put_on)
                return

    def _move(self, stage: str, timeout: float, take_from: str, put_on: str | None = None) -> None:
        to = {} if put_on is None else {"MoveToVersionId": put_on}
        self._call("update_secret_version_stage", timeout, VersionStage=stage, RemoveFromVersionId=take_from, **to)

    def _call(
        self, operation: str, timeout: float, hidden: Callable[[], dict[str, object]] = dict, /, **parameters: object
    ) -> dict[str, Any]:
        try:
            return self._api.call(operation, timeout, hidden, SecretId=self._name, **parameters)
        except Refused as refused:
            if refused.code not in _REFUSALS:
                raise
            kind, why, hint = _REFUSALS[refused.code]
        raise kind(f"aws://{self._name}: {why}", hint=hint)

    def _conflict(self, why: str, hint: str) -> Conflict:
        return Conflict(f"aws://{self._name}: {why}", hint=hint)

    def _garbled(self) -> StoreUnavailable:
        return StoreUnavailable(f"aws://{self._name}: AWS's answer cannot be read", hint="check AWS_ENDPOINT_URL")


def _text(secret: Secret) -> str:
    try:
        return json.dumps(dict(secret.fields), allow_nan=False)
    except (TypeError, ValueError):
        failure = MalformedSecret("a field holds what JSON cannot say, such as a number without end")
    raise failure
