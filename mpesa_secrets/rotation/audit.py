"""Who rotated what, when, and how it ended: one JSON line on the logger `mpesa_secrets.audit`."""

from __future__ import annotations

import getpass
import json
import logging
import socket
from datetime import UTC, datetime

from mpesa_secrets.rotation.report import Report

log = logging.getLogger("mpesa_secrets.audit")


def who() -> str:
    """`user@host` of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container whose user id has no name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def now() -> str:
    """This second, as `2026-01-31T12:00:00Z`."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record(event: str, report: Report) -> None:
    """Write the line; `event` is `rotate` or `rollback`."""
    story = report.as_json()
    story.pop("steps")
    log.info("%s", json.dumps({"event": event, "who": who(), "when": now(), **story}))
