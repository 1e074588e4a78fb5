"""`mpesa-secrets rollback`: the newest earlier pair that differs from today's, with the neighbours of today."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mpesa_secrets.rotation import Rotation
from mpesa_secrets.settings import Settings
from mpesa_secrets.simulator import Simulator
from tests.distributions import install
from tests.rotation_commands import Command, failed, run_at
from tests.rotation_places import (
    NEIGHBOURS,
    VERSIONED,
    AwsPlace,
    DotenvPlace,
    KvPlace,
    Place,
    fields,
    pair,
    place_of,
    rotate,
    rotation,
)
from tests.servers.faulty import FaultyProxy


@pytest.fixture
def command(many_pairs: Simulator) -> Command:
    """Runs the program against a place, with something on stdin."""
    return partial(run_at, many_pairs)


@pytest.fixture(params=VERSIONED)
def twice(request: pytest.FixtureRequest, many_pairs: Simulator, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place that was rotated from pair 1 to pair 2."""
    place = place_of(request.param, request)
    for name, value in place.variables().items():
        monkeypatch.setenv(name, value)
    rotate(place, many_pairs)
    return place


def test_a_rollback_brings_the_earlier_pair_back(twice: Place, many_pairs: Simulator) -> None:
    """Verified like a new one: one token request."""
    before = len(many_pairs.token_requests)
    report = rotation(twice, many_pairs).rollback()
    assert (report.outcome, twice.get(), twice.leftovers()) == ("restored", fields(1), [])
    assert [each.consumer_key for each in many_pairs.token_requests[before:]] == [pair(1).consumer_key]


def test_a_second_rollback_goes_forth_again(twice: Place, many_pairs: Simulator) -> None:
    """The newest earlier pair that differs from today's is the other one."""
    for expected in (1, 2, 1):
        rotation(twice, many_pairs).rollback()
        assert twice.get() == fields(expected)


def test_neighbours_stay_as_they_are_today(twice: Place, many_pairs: Simulator) -> None:
    """Whoever changed the passkey since keeps it."""
    if isinstance(twice, DotenvPlace):
        twice.path.write_text(twice.path.read_text().replace("DATABASE_URL", "OTHER_URL"))
        rotation(twice, many_pairs).rollback()
        text = twice.path.read_text()
        assert pair(1).consumer_secret in text
        assert "OTHER_URL" in text
        return
    twice.put({**fields(2), "passkey": "another"})
    rotation(twice, many_pairs).rollback()
    assert twice.get() == {**fields(1), "passkey": "another"}


def test_a_refused_earlier_pair_is_not_brought_back(twice: Place, many_pairs: Simulator, command: Command) -> None:
    """It may have been revoked; --no-verify insists."""
    many_pairs.revoke(pair(1).consumer_key)
    assert command(twice, "rollback").code == 5
    assert twice.get() == fields(2)
    assert command(twice, "rollback", "--no-verify").code == 0
    assert twice.get() == fields(1)


def test_a_dry_rollback_changes_nothing(twice: Place, many_pairs: Simulator) -> None:
    """It verifies."""
    before = twice.version()
    assert rotation(twice, many_pairs, dry_run=True).rollback().outcome == "dry-run"
    assert (twice.get(), twice.version()) == (fields(2), before)


@pytest.mark.parametrize("kind", ["dotenv", "kv2", "kv1", "aws"])
def test_a_fresh_secret_has_nothing_to_go_back_to(kind: str, request: Any, command: Command) -> None:
    """Exit 4, and what to do instead."""
    done = command(place_of(kind, request), "rollback")
    assert "no earlier pair to go back to" in failed(done, 4)
    assert "mpesa-secrets rotate" in done.err


def test_versions_that_are_gone_or_hold_no_pair_are_passed_over(
    many_pairs: Simulator, request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted, destroyed, without a pair, with the same pair."""
    place = place_of("kv2", request)
    assert isinstance(place, KvPlace)
    for name, value in place.variables().items():
        monkeypatch.setenv(name, value)
    for number in (3, 4, 5):
        place.put(fields(number))
    place.put({"consumer_key": 1, "consumer_secret": None})
    place.put({**NEIGHBOURS})
    place.put(fields(2))
    place.put({**fields(2), "passkey": "today"})
    place.openbao.api("POST", f"{place.mount}/delete/{place.path}", {"versions": [4]})
    place.openbao.api("POST", f"{place.mount}/destroy/{place.path}", {"versions": [3]})
    report = rotation(place, many_pairs).rollback()
    assert any("version 2" in step.detail for step in report.steps if step.step == "find")
    assert place.get() == {**fields(3), "passkey": "today"}


def test_in_aws_the_label_moves_where_nothing_but_the_pair_differs(
    many_pairs: Simulator, request: Any, monkeypatch: pytest.MonkeyPatch, faulty_proxy: Callable[[str], FaultyProxy]
) -> None:
    """No new version is written: the old one is current again."""
    place = place_of("aws", request)
    assert isinstance(place, AwsPlace)
    proxy = faulty_proxy(place.upstream)
    for name, value in place.variables(proxy.url).items():
        monkeypatch.setenv(name, value)
    first = place.version()
    rotate(place, many_pairs)
    second = place.version()
    proxy.clear()
    rotation(place, many_pairs).rollback()
    assert not [asked for asked in proxy.requests if "PutSecretValue" in str(asked.target)]
    assert place.stages() == {"AWSCURRENT": first, "AWSPREVIOUS": second}


LEDGER = """
from mpesa_secrets import Secret, Version

class Ledger:
    def __init__(self, url): pass
    def read(self, timeout): return self.read_version("2", timeout)
    def write(self, secret, timeout): raise AssertionError
    def read_version(self, version, timeout):
        return Secret({"consumer_key": f"key-{version}", "consumer_secret": f"secret-{version}"}, version)
    def history(self, timeout):
        return [Version("3", 3.0, "superseded"), Version("2", 2.0, "current"), Version("1", 1.0, "previous")]
"""


def test_a_version_that_was_never_current_is_not_gone_back_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was staged, failed, and is newer than the pair that was there before. (moto dates all versions alike.)"""
    install(tmp_path, "ledger", {"ledger": "ledger_store:Ledger"}, {"ledger_store": LEDGER})
    monkeypatch.syspath_prepend(tmp_path)
    report = Rotation(Settings("ledger://x"), verify=False, dry_run=True).rollback()
    assert next(step.detail for step in report.steps if step.step == "find").startswith("version 1,")
