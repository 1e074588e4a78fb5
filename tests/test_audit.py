"""The audit line: who rotated what, when, and how it ended."""

from __future__ import annotations

import getpass
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mpesa_secrets.errors import CredentialsRejected, MpesaSecretsError
from mpesa_secrets.rotation import audit
from mpesa_secrets.simulator import Simulator
from tests.leaks import shows
from tests.rotation_places import DotenvPlace, bring, pair, rotate, rotation

SECRETS = [pair(number).consumer_secret for number in (1, 2)]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[dict[str, object]]]:
    """The audit lines so far."""
    caplog.set_level(logging.INFO, "mpesa_secrets.audit")

    def found() -> list[dict[str, object]]:
        records = [record for record in caplog.records if record.name == "mpesa_secrets.audit"]
        assert not shows(caplog.text, SECRETS)
        return [json.loads(record.getMessage()) for record in records]

    return found


@pytest.fixture
def file(tmp_path: Path) -> DotenvPlace:
    """A dotenv file with pair 1."""
    return DotenvPlace(tmp_path)


def test_a_rotation_leaves_one_line(
    file: DotenvPlace, many_pairs: Simulator, lines: Callable[[], list[dict[str, object]]]
) -> None:
    """JSON, with fingerprints in place of pairs."""
    report = rotate(file, many_pairs)
    (line,) = lines()
    assert line["event"] == "rotate"
    assert line["who"] == audit.who()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(line["when"]))
    assert line["outcome"] == "rotated"
    assert line["store"] == file.url
    assert line["previous"] == {
        "version": report.previous and report.previous.version,
        "fingerprint": pair(1).fingerprint,
    }
    assert line["current"] == {"version": file.version(), "fingerprint": pair(2).fingerprint}
    assert line.keys() == {"event", "who", "when", "outcome", "store", "previous", "current"}


def test_a_failure_leaves_one_line_too(
    file: DotenvPlace, many_pairs: Simulator, lines: Callable[[], list[dict[str, object]]]
) -> None:
    """Attempts are what an auditor looks for."""
    many_pairs.revoke(pair(2).consumer_key)
    with pytest.raises(CredentialsRejected):
        rotate(file, many_pairs)
    with pytest.raises(MpesaSecretsError):
        rotation(file, many_pairs).rollback()
    assert [(line["event"], line["outcome"]) for line in lines()] == [("rotate", "rejected"), ("rollback", "refused")]


def test_nothing_to_do_is_told_as_well(
    file: DotenvPlace, many_pairs: Simulator, lines: Callable[[], list[dict[str, object]]]
) -> None:
    """Dry runs and reruns."""
    rotation(file, many_pairs, dry_run=True).rotate(bring(2))
    rotate(file, many_pairs, 1)
    assert [line["outcome"] for line in lines()] == ["dry-run", "unchanged"]


def test_a_user_without_a_name_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Containers run with user ids that nobody has given a name."""

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert audit.who().startswith("unknown@")
