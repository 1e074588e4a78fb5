"""A canary for a scheduled Lambda function: does the pair still bring a token, and how old is it?

The handler is `mpesa_secrets.canary.handler`, its settings are the application's. Each run asks as `check --live`
does, through the token cache, and prints one line in CloudWatch's embedded metric format
(docs.aws.amazon.com, "Specification: Embedded metric format"):

    namespace MpesaSecrets, dimension FunctionName
    TokenFetched            1 or 0
    PairAgeDays             days since the pair was written; left out where the store does not say
    Step, Reason, Detail    only where it failed: which check, the error's class, what it says
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Protocol

from mpesa_secrets.checks import Check, checks
from mpesa_secrets.errors import MpesaSecretsError
from mpesa_secrets.settings import Settings
from mpesa_secrets.standing import standing

NAMESPACE = "MpesaSecrets"
UNITS = {"TokenFetched": "Count", "PairAgeDays": "None"}
DAY = 86400.0
STEPS = 3  # store, token and age: each may take the whole time-out
RESERVE = 2.0  # seconds of the invocation that are kept for the report
SHORTEST = 0.1  # seconds


class Context(Protocol):
    """What the handler needs of Lambda's context."""

    function_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds that this invocation may still take."""
        ...


def handler(_event: object, context: Context) -> dict[str, object]:
    """Look once, print the metrics, and return them. Raises nothing: Lambda would ask twice more at once."""
    found = look(context.get_remaining_time_in_millis() / 1000 - RESERVE)
    metrics = [{"Name": name, "Unit": unit} for name, unit in UNITS.items() if name in found]
    directive = {"Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics}
    header = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(json.dumps({"_aws": header, "FunctionName": context.function_name, **found}), flush=True)
    return found


def look(seconds: float) -> dict[str, object]:
    """The metrics and properties by name, within about so many seconds."""
    found: dict[str, object] = {"TokenFetched": 0}
    try:
        for check in checks(lambda: _hurried(seconds), live=True):
            found.update(_seen(check, seconds))
    except Exception as error:
        # Its text may hold a secret.
        found.update(Reason=type(error).__name__, Detail="a fault of ours: please report it")
    return found


def _seen(check: Check, seconds: float) -> dict[str, object]:
    if check.error is not None:
        return {"Step": check.name, "Reason": type(check.error).__name__, "Detail": check.detail}
    if check.name == "store":
        return dict(_age(_hurried(seconds)))
    return {"TokenFetched": 1} if check.name == "token" else {}


def _age(settings: Settings) -> Iterator[tuple[str, float]]:
    """PairAgeDays, if the store says when the pair was written; that it does not is no failure of the pair."""
    try:
        age = standing(settings).age
    except MpesaSecretsError:
        return
    if age is not None:
        yield "PairAgeDays", round(age / DAY, 3)


def _hurried(seconds: float) -> Settings:
    """The application's settings, with a time-out that leaves time for every step."""
    return Settings(timeout=max(SHORTEST, min(Settings().timeout, seconds / STEPS)))
