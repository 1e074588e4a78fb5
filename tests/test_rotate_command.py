"""`mpesa-secrets rotate` and `rollback` as people and programs use them."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mpesa_secrets.simulator import Simulator
from tests.program import Result
from tests.rotation_commands import Command, at_terminal, dotenv, failed, run_at
from tests.rotation_places import (
    AwsPlace,
    DotenvPlace,
    KvPlace,
    Place,
    bring,
    fields,
    pair,
    place_of,
    rotate,
    rotation,
)
from tests.servers.faulty import FaultyProxy
from tests.servers.loopback import Request

NEW = pair(2)
KEYS = {"outcome", "store", "previous", "current", "steps"}


@pytest.fixture
def file(tmp_path: Path) -> DotenvPlace:
    """A dotenv file with pair 1."""
    return DotenvPlace(tmp_path)


@pytest.fixture
def command(many_pairs: Simulator) -> Command:
    """Runs the program against a place, with something on stdin."""
    return partial(run_at, many_pairs)


def test_a_person_types_the_pair_and_is_asked_before_the_write(file: DotenvPlace, many_pairs: Simulator) -> None:
    """White space around it is removed and told; the secret is not shown."""
    with at_terminal(file, many_pairs, "rotate") as terminal:
        terminal.answer("Consumer key", f"  {NEW.consumer_key} ")
        terminal.answer("Consumer secret", f'"{NEW.consumer_secret}"')
        terminal.answer("Write it?", "y")
        code, out = terminal.end()
    assert (code, file.get()) == (0, fields(2))
    assert "revoke it in the portal" in out
    assert "consumer_key and consumer_secret were removed" in terminal.shown
    assert NEW.consumer_secret not in terminal.shown + out


def test_who_says_no_leaves_everything_as_it_is(file: DotenvPlace, many_pairs: Simulator) -> None:
    """Exit 130, and with --json one object that says so."""
    with at_terminal(file, many_pairs, "rotate", "--json") as terminal:
        terminal.answer("Consumer key", NEW.consumer_key)
        terminal.answer("Consumer secret", NEW.consumer_secret)
        terminal.answer("Write it?", "n")
        code, out = terminal.end()
    report = json.loads(out)
    assert (code, file.get(), report["outcome"]) == (130, fields(1), "interrupted")
    assert report["error"] == {
        "type": "Interrupted", "message": "interrupted: nothing was written", "exit_code": 130, "retryable": False
    }  # fmt: skip


def test_swapped_values_are_noticed_before_daraja_is_asked(file: DotenvPlace, many_pairs: Simulator) -> None:
    """The person is asked whether to go on."""
    with at_terminal(file, many_pairs, "rotate", "-y") as terminal:
        terminal.answer("Consumer key", NEW.consumer_secret)
        terminal.answer("Consumer secret", NEW.consumer_key)
        terminal.answer("key and secret look swapped; go on?", "n")
        code, _ = terminal.end()
    assert (code, file.get(), many_pairs.token_requests) == (130, fields(1), [])


def test_with_yes_nobody_is_asked_before_the_write(file: DotenvPlace, many_pairs: Simulator) -> None:
    """The pair is, all the same."""
    with at_terminal(file, many_pairs, "rotate", "-y") as terminal:
        terminal.answer("Consumer key", NEW.consumer_key)
        terminal.answer("Consumer secret", NEW.consumer_secret)
        code, _ = terminal.end()
    assert (code, file.get()) == (0, fields(2))
    assert "Write it?" not in terminal.shown


def test_rollback_asks_too(file: DotenvPlace, many_pairs: Simulator) -> None:
    """And shows the fingerprint of what comes back."""
    rotate(file, many_pairs)
    with at_terminal(file, many_pairs, "rollback") as terminal:
        terminal.answer("Write it?", "y")
        code, out = terminal.end()
    assert (code, file.get()) == (0, fields(1))
    assert pair(1).fingerprint in terminal.shown
    assert "earlier pair is current again" in out


def test_without_a_terminal_the_pair_comes_with_from(file: DotenvPlace, command: Command) -> None:
    """Else exit 2, before anything is read."""
    done = command(file, "rotate", given=dotenv())
    assert done.code == 2
    assert "--from" in done.err


SPELLINGS = {
    "json": json.dumps({"consumer_key": NEW.consumer_key, "consumer_secret": NEW.consumer_secret}),
    "json-camel": json.dumps({"consumerKey": NEW.consumer_key, "consumerSecret": NEW.consumer_secret, "more": 1}),
    "json-upper": json.dumps({"CONSUMER_KEY": NEW.consumer_key, "CONSUMER_SECRET": NEW.consumer_secret}),
    "dotenv": dotenv(),
    "export-quotes": f"# new\nexport MPESA_CONSUMER_KEY='{NEW.consumer_key}'\n"
    f'export MPESA_CONSUMER_SECRET="{NEW.consumer_secret}"  # until June\n',
    "crlf": dotenv().replace("\n", "\r\n"),
    "bom": "\ufeff" + dotenv(),
    "json-bom": "\ufeff" + json.dumps({"consumer_key": NEW.consumer_key, "consumer_secret": NEW.consumer_secret}),
    "lower": f"consumer_key = {NEW.consumer_key}\nconsumer_secret = {NEW.consumer_secret}",
    "inner-quotes": json.dumps(
        {"consumer_key": f"'{NEW.consumer_key}'", "consumer_secret": NEW.consumer_secret + "\n"}
    ),
}


@pytest.mark.parametrize("spelling", ["json", "export-quotes", "bom"])
def test_the_pair_comes_from_stdin(spelling: str, file: DotenvPlace, command: Command) -> None:
    """As a JSON object or as dotenv lines; without a terminal nobody is asked."""
    done = command(file, "rotate", "--from", "-", given=SPELLINGS[spelling])
    assert done.code == 0, done
    assert file.get() == fields(2)


def test_the_pair_comes_from_a_file_which_is_to_be_removed(file: DotenvPlace, command: Command, tmp_path: Path) -> None:
    """It holds the secret in the clear."""
    (tmp_path / "new.json").write_text(SPELLINGS["json-camel"])
    done = command(file, "rotate", "--from", str(tmp_path / "new.json"))
    assert (done.code, file.get()) == (0, fields(2))
    assert f"{tmp_path / 'new.json'} holds the secret: remove it" in done.err


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        '["consumer_key"]',
        '{"consumer_key": "k"}',
        dotenv().replace("Number002", "Number:02"),
        dotenv().replace("Number002", "Number 02"),
    ],
)
def test_what_is_no_pair_is_exit_2(given: str, file: DotenvPlace, command: Command, many_pairs: Simulator) -> None:
    """Without any of it in the message."""
    done = command(file, "rotate", "--from", "-", "--json", given=given)
    assert done.code == 2, done
    assert done.json["outcome"] == "refused"
    assert isinstance(done.json["error"], dict)
    assert done.json["error"]["type"] == "MalformedPair"
    assert "Number" not in done.err + done.out
    assert (file.get(), many_pairs.token_requests) == (fields(1), [])


def test_a_file_that_is_not_there_is_exit_2(file: DotenvPlace, command: Command, tmp_path: Path) -> None:
    """With --json one object says so."""
    done = command(file, "rotate", "--from", str(tmp_path / "missing"), "--json")
    assert "missing: No such file or directory" in failed(done, 2)
    assert isinstance(done.json["error"], dict)
    assert done.json["error"]["exit_code"] == 2


def test_a_passkey_is_left_to_daraja_and_refused_where_daraja_is_not_asked(
    file: DotenvPlace, command: Command, many_pairs: Simulator
) -> None:
    """As is a swap."""
    passkey = "0f" * 32
    given = json.dumps({"consumer_key": NEW.consumer_key, "consumer_secret": passkey})
    done = command(file, "rotate", "--from", "-", "--no-verify", given=given)
    assert "looks like a passkey" in failed(done, 2)
    done = command(file, "rotate", "--from", "-", given=given)
    assert done.code == 5
    assert "looks like a passkey" in done.err
    many_pairs.accept(NEW.consumer_key, passkey)
    assert command(file, "rotate", "--from", "-", given=given).code == 0


def told(done: Result, code: int, outcome: str) -> dict[str, Any]:
    """The report of a run, after a look at its form."""
    assert done.code == code, done
    report: dict[str, Any] = dict(done.json)
    assert report.keys() == (KEYS if code == 0 else {*KEYS, "error"})
    assert report["outcome"] == outcome
    assert all(step.keys() == {"step", "ok", "detail"} for step in report["steps"])
    for place in (report["previous"], report["current"]):
        assert place is None or place.keys() == {"version", "fingerprint"}
    if code:
        assert report["error"].keys() == {"type", "message", "exit_code", "retryable"}
        assert report["error"]["exit_code"] == code
    return report


def test_json_tells_every_outcome_that_changes_nothing(
    file: DotenvPlace, command: Command, many_pairs: Simulator
) -> None:
    """Dry run, unchanged, rejected, unverified, refused."""
    old = {"version": file.version(), "fingerprint": pair(1).fingerprint}
    args = ("rotate", "--from", "-", "--json")
    assert told(command(file, *args, "--dry-run", given=dotenv()), 0, "dry-run")["current"] == old
    assert told(command(file, *args, given=dotenv(1)), 0, "unchanged")["current"] == old
    assert told(command(file, *args, given=dotenv(99)), 5, "rejected")["error"]["type"] == "CredentialsRejected"
    many_pairs.fail("410")
    assert told(command(file, *args, given=dotenv()), 6, "unverified")["current"] == old
    assert told(command(file, *args, given="?"), 2, "refused")["previous"] == old
    assert told(command(file, "rollback", "--json"), 4, "refused")["error"]["type"] == "SecretNotFound"
    assert file.get() == fields(1)
    file.url += "-missing"
    assert told(command(file, *args, given=dotenv()), 4, "refused")["previous"] is None


def test_json_tells_what_has_changed(file: DotenvPlace, command: Command) -> None:
    """Rotated, and restored."""
    before = file.version()
    report = told(command(file, "rotate", "--from", "-", "--json", given=dotenv()), 0, "rotated")
    assert report["previous"] == {"version": before, "fingerprint": pair(1).fingerprint}
    assert report["current"] == {"version": file.version(), "fingerprint": pair(2).fingerprint}
    report = told(command(file, "rollback", "--json"), 0, "restored")
    assert report["current"] == {"version": file.version(), "fingerprint": pair(1).fingerprint}


@pytest.mark.parametrize(("code", "outcome"), [(7, "conflict"), (8, "rolled-back"), (9, "rollback-failed")])
def test_json_tells_what_went_wrong_after_the_write(
    code: int, outcome: str, command: Command, request: Any, faulty_proxy: Callable[[str], FaultyProxy]
) -> None:
    """Each with its exit code."""
    place = place_of("kv2", request)
    assert isinstance(place, KvPlace)
    proxy = faulty_proxy(place.upstream)
    if code == 7:
        proxy.fail_when(partial(overtaken, place), "500", times=1)
    else:
        times = 2 if code == 8 else None  # the second is for the login that wrote
        proxy.fail_when(lambda asked: "version=2" in asked.path or (times is None and wrote(proxy)), "403", times=times)
    report = told(command(Seen(place, proxy.url), "rotate", "--from", "-", "--json", given=dotenv()), code, outcome)
    known = {7: pair(3).fingerprint, 8: pair(1).fingerprint}
    assert (report["current"] or {}).get("fingerprint") == known.get(code)


class Seen(KvPlace):
    """A place as it is seen through a proxy."""

    def __init__(self, place: KvPlace, address: str) -> None:
        vars(self).update(vars(place))
        self._address = address

    def variables(self, address: str = "") -> dict[str, str]:
        """Through the proxy."""
        return super().variables(address or self._address)


def overtaken(place: Place, asked: Request) -> bool:
    """Whether it is a write; somebody else comes first then."""
    if asked.method == "POST":
        place.put(fields(3))
    return asked.method == "POST"


def wrote(proxy: FaultyProxy) -> bool:
    """Whether a write has come through already."""
    return any(asked.method == "POST" and "/data/" in asked.path and asked.status == 200 for asked in proxy.requests)


def test_a_rerun_with_the_same_pair_takes_a_leftover_stage_away(
    many_pairs: Simulator, request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a rotation leaves it that was killed right after it had promoted; a dry run does not."""
    place = place_of("aws", request)
    assert isinstance(place, AwsPlace)
    for name, value in place.variables().items():
        monkeypatch.setenv(name, value)
    place.client.update_secret_version_stage(
        SecretId=place.name, VersionStage="AWSPENDING", MoveToVersionId=place.version()
    )
    rotation(place, many_pairs, dry_run=True).rotate(bring(1))
    assert place.leftovers()
    assert rotation(place, many_pairs).rotate(bring(1)).outcome == "unchanged"
    assert not place.leftovers()


def test_kv_version_1_says_what_it_cannot_promise(request: Any, command: Command) -> None:
    """Before the write."""
    done = command(place_of("kv1", request), "rotate", "--from", "-", given=dotenv())
    assert done.code == 0
    assert "KV version 1 has no versions" in done.err.split("write")[0]


def test_the_verified_token_is_the_applications_first(
    file: DotenvPlace, command: Command, many_pairs: Simulator
) -> None:
    """With a shared cache the whole rotation costs one token request."""
    cache = f"file://{file.path.parent.parent}/tokens"
    assert command(file, "rotate", "--from", "-", "--token-cache", cache, given=dotenv()).code == 0
    token = command(file, "token", "--token-cache", cache).out.strip()
    assert many_pairs.is_current(token)
    assert len(many_pairs.token_requests) == 1


def test_an_environment_cannot_be_rotated(command: Command, file: DotenvPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 4: it is read-only."""
    monkeypatch.setenv("MPESA_CONSUMER_KEY", pair(1).consumer_key)
    monkeypatch.setenv("MPESA_CONSUMER_SECRET", pair(1).consumer_secret)
    file.url = "env://"
    assert "can only be read" in failed(command(file, "rotate", "--from", "-", given=dotenv()), 4)


def test_a_token_cache_that_cannot_be_opened_is_told_before_anything_is_done(
    command: Command, file: DotenvPlace, many_pairs: Simulator
) -> None:
    """Not after the write, when the verified token has nowhere to go."""
    done = command(file, "rotate", "--from", "-", "--token-cache", "file://", given=dotenv())
    assert (done.code, file.get(), many_pairs.token_requests) == (3, fields(1), [])
