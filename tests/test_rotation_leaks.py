"""Neither the old secret nor the new one is in anything that a rotation prints, logs or raises."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mpesa_secrets.errors import MpesaSecretsError
from mpesa_secrets.rotation import Step
from mpesa_secrets.simulator import Simulator
from tests.leaks import secrets_in_traceback, shows
from tests.rotation_commands import dotenv, run_at
from tests.rotation_places import KINDS, NETWORKED, Place, bring, fields, pair, place_of, rotation
from tests.servers.faulty import FaultyProxy

Lead = Callable[[Mapping[str, str]], None]
pytestmark = pytest.mark.usefixtures("short_pauses")
SECRETS = [pair(number).consumer_secret for number in (1, 2, 3)]


def assert_tight(attempt: Any, error: BaseException | None, logged: str) -> None:
    """Asserts that report, error, its frames and the logs hold no secret."""
    assert not shows(f"{attempt.report.as_json()} {attempt.report.steps!r} {vars(attempt)!r}", SECRETS)
    assert not shows(logged, SECRETS)
    if error is not None:
        assert not secrets_in_traceback(error, SECRETS)
        assert not shows(f"{error.__dict__}", SECRETS)


@pytest.mark.parametrize("fault", ["drop-after", "500", "corrupt", "403"])
@pytest.mark.parametrize("kind", NETWORKED)
def test_no_fault_of_the_store_shows_a_secret(
    kind: str,
    fault: str,
    many_pairs: Simulator,
    request: Any,
    lead: Lead,
    faulty_proxy: Callable[[str], FaultyProxy],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With every logger at DEBUG, those of the SDKs too, and a store that answers nothing but this from a write on."""
    place = place_of(kind, request)
    caplog.set_level(logging.DEBUG)  # only now: the test's own client logs what it stores
    proxy = faulty_proxy(place.upstream)
    lead(place.variables(proxy.url))

    def break_it(step: Step) -> None:
        if step.step == "write":
            proxy.fail_all(fault)

    attempt = rotation(place, many_pairs, tell=break_it)
    attempt._settings.timeout = 1.0
    with pytest.raises(MpesaSecretsError) as error:
        attempt.rotate(bring(2))
    assert_tight(attempt, error.value, caplog.text)


@pytest.mark.parametrize("step", ["read", "verify", "write", "read-back"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_failure_at_any_step_shows_a_secret(
    kind: str,
    step: str,
    many_pairs: Simulator,
    request: Any,
    lead: Lead,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Somebody else's write, or an interrupt."""
    place = place_of(kind, request)
    caplog.set_level(logging.DEBUG)  # only now: the test's own client logs what it stores
    lead(place.variables())

    def fail(done: Step) -> None:
        if done.step == step:
            place.put(fields(3))
        if done.step == step == "read-back":
            raise KeyboardInterrupt

    attempt = rotation(place, many_pairs, tell=fail)
    with pytest.raises(MpesaSecretsError) as error:
        attempt.rotate(bring(2))
    assert_tight(attempt, error.value, caplog.text)


@pytest.mark.parametrize("fault", ["echo-secret", "empty-400", "html-200", "list-200", "redirect-302"])
def test_no_answer_of_daraja_shows_a_secret(
    fault: str, many_pairs: Simulator, request: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """One echoes the secret."""
    caplog.set_level(logging.DEBUG)
    attempt = rotation(place_of("dotenv", request), many_pairs)
    many_pairs.fail(fault, times=None)
    with pytest.raises(MpesaSecretsError) as error:
        attempt.rotate(bring(2))
    assert_tight(attempt, error.value, caplog.text)


@pytest.mark.parametrize(("kind", "form"), [("dotenv", []), ("dotenv", ["--json"]), ("kv2", []), ("aws", ["--json"])])
def test_the_program_prints_no_secret_at_its_most_talkative(
    kind: str, form: list[str], many_pairs: Simulator, request: Any
) -> None:
    """In success and failure, on stdout and stderr."""
    place = place_of(kind, request)
    outputs = [
        run_at(many_pairs, place, "-vv", "rotate", "--from", "-", *form, given=given)
        for given in (dotenv(99), dotenv().replace("=", ":"), dotenv(), dotenv())
    ]
    assert [done.code for done in outputs] == [5, 2, 0, 0]
    told = "".join(done.out + done.err for done in [*outputs, rolled_back(place, many_pairs, form)])
    assert not shows(told, [*SECRETS, pair(99).consumer_secret])


def rolled_back(place: Place, daraja: Simulator, form: list[str]) -> Any:
    """The end of a rollback."""
    return run_at(daraja, place, "-vv", "rollback", *form)
