"""No secret shows in errors, tracebacks, logs or texts, whatever Daraja answers."""

from __future__ import annotations

import asyncio
import copy
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable, Iterator

import pytest
import requests

from mpesa_secrets import AccessToken, Credentials, MpesaSecretsError
from mpesa_secrets.client import Mpesa
from mpesa_secrets.daraja import Answer
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.simulator import FAULTS, Simulator
from tests.daraja_client import KEY
from tests.leaks import secrets_in_traceback, shows
from tests.shelf import Shelf
from tests.token_fixtures import Client, HandClocks, eventually, landed

SECRET = "Zq7vN2xK9wLm4TbR8cYp3HdF6sGj1QaU"
PROXY_PASSWORD = "pr0xyPassw0rdOfSomebody"


@pytest.fixture
def daraja() -> Iterator[Simulator]:
    """One that keeps every token that it issued, so that all can be looked for."""
    with Simulator(KEY, SECRET, last_token_wins=False) as running:
        yield running


@pytest.fixture(autouse=True)
def everything_is_logged(caplog: pytest.LogCaptureFixture, shelf: Shelf) -> None:
    caplog.set_level(logging.DEBUG)
    shelf.put(KEY, SECRET)


def secrets(daraja: Simulator) -> list[str]:
    """The consumer secret, and every token that was issued."""
    return [SECRET, *(token for app in daraja._daraja._apps.values() for token in app.tokens)]


def failure(action: Callable[[], object]) -> MpesaSecretsError | None:
    """What an action raises, if anything."""
    try:
        action()
    except MpesaSecretsError as error:
        return error
    return None


def check(error: BaseException | None, wanted: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """Neither the error nor the log shows any of the secrets."""
    eventually(landed)
    if error is not None:
        assert secrets_in_traceback(error, wanted) == []
        assert not shows("".join(traceback.format_exception(error)), wanted)
        assert not shows(f"{getattr(error, 'hint', '')} {getattr(error, 'request_id', '')}", wanted)
    assert not shows(caplog.text, wanted)


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_no_answer_shows_a_secret(
    client: Client, daraja: Simulator, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """Whatever it is, and whatever it repeats."""
    daraja.fail(fault, times=None)
    mpesa = client(timeout=0.15)
    error = failure(mpesa.token)
    check(error, secrets(daraja), caplog)
    assert any(record.name.startswith("urllib3") for record in caplog.records)


@pytest.mark.parametrize(("status", "code"), [(400, "400.008.01"), (401, "401.002.01"), (500, "500.003.02")])
def test_answer_that_repeats_the_secrets_does_not_make_us_repeat_them(
    client: Client, daraja: Simulator, caplog: pytest.LogCaptureFixture, status: int, code: str
) -> None:
    """Refused for good, or retried; for threads as for tasks."""
    daraja.fail("echo-secret", times=None, status=status, code=code)
    mpesa = client(timeout=0.3)
    for action in (mpesa.token, lambda: asyncio.run(mpesa.token_async())):
        error = failure(action)
        assert error is not None
        assert code in str(error)
        check(error, secrets(daraja), caplog)
    assert len(secrets(daraja)) > 1


def test_good_token_is_not_shown_on_its_way(
    client: Client, daraja: Simulator, caplog: pytest.LogCaptureFixture, hand: HandClocks
) -> None:
    """Fetched, refreshed ahead, refused, replaced."""
    mpesa = client(clocks=hand.clocks)
    token = mpesa.token()
    hand.tick(3500)
    mpesa.token()
    eventually(landed)
    mpesa.invalidate(token)
    requests.get(daraja.base_url + "/mpesa/b2c", auth=mpesa.auth, timeout=5)
    check(None, secrets(daraja), caplog)


def test_failing_stores_show_nothing(
    client: Client, daraja: Simulator, shelf: Shelf, caplog: pytest.LogCaptureFixture
) -> None:
    """Though a plugin put the secret into its error."""
    shelf.failure = ValueError(f"bad value {SECRET!r}")
    check(failure(client().token), secrets(daraja), caplog)
    check(failure(client().credentials), secrets(daraja), caplog)


def test_plugins_bug_in_a_frame_of_ours_shows_nothing(
    client: Client, shelf: Shelf, daraja: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A secret that is half a pair, or no text."""
    for fields in ({"consumer_secret": SECRET}, {"consumer_key": "", "consumer_secret": SECRET}):
        shelf.fields = fields
        error = failure(client().token)
        assert error is not None
        check(error, secrets(daraja), caplog)


@pytest.mark.parametrize("fault", ["401.002.01", "404.001.03"])
def test_refused_call_shows_nothing(
    client: Client, daraja: Simulator, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """Nor does it show the password of a proxy, where there is no new token to be had."""
    mpesa = client(timeout=0.3)
    mpesa.token()
    daraja.fail(fault, path="/mpesa/", times=None)
    daraja.fail("echo-secret", times=None)
    proxies = {"ftp": f"http://user:{PROXY_PASSWORD}@proxy.test"}
    error = failure(lambda: requests.get(daraja.base_url + "/mpesa/b2c", auth=mpesa.auth, proxies=proxies, timeout=5))
    assert error is not None
    check(error, [PROXY_PASSWORD, *secrets(daraja)], caplog)


def test_proxy_that_fails_shows_no_password(
    client: Client, daraja: Simulator, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is in the environment's URL."""
    monkeypatch.setenv("HTTP_PROXY", f"http://user:{PROXY_PASSWORD}@127.0.0.1:1")
    error = failure(client(timeout=0.3).token)
    assert error is not None
    check(error, [PROXY_PASSWORD, *secrets(daraja)], caplog)


def things(mpesa: Mpesa) -> list[object]:
    """What an application holds, or may come upon."""
    token, credentials = mpesa.token(), mpesa.credentials()
    answer = Answer(0.0, 200, {}, token.value.encode())
    inside = [mpesa._holder, mpesa._keeper, mpesa._holder._source, mpesa._keeper._known, mpesa._holder.fresh]
    return [mpesa, mpesa.settings, mpesa.store, mpesa.auth, token, credentials, answer, Deadline(1), *inside]


def test_nothing_that_can_be_printed_shows_a_secret(client: Client, daraja: Simulator) -> None:
    """repr, str, format, containers of it, and its variables."""
    mpesa = client()
    requests.get(daraja.base_url + "/mpesa/b2c", auth=mpesa.auth, timeout=5)
    wanted = secrets(daraja)
    for thing in things(mpesa):
        seen = f"{thing!r} {thing!s} {thing} {[thing]} { ({'a': thing}) } {pprint.pformat(thing)}"
        seen += repr(getattr(thing, "__dict__", "")) + logging.Formatter().format(
            logging.LogRecord("x", 10, "x", 1, "%s %r", (thing, thing), None)
        )
        assert not shows(seen, wanted), type(thing)


def test_secrets_have_no_variables_to_be_dumped() -> None:
    """`vars`, and what walks over it, finds none."""
    for thing in (Credentials(KEY, SECRET), AccessToken(SECRET, 0.0, 0.0), Answer(0.0, 200, {}, b"")):
        with pytest.raises(TypeError):
            vars(thing)


def test_client_is_not_pickled(client: Client) -> None:
    """Its locks forbid it, and so its secrets stay in the process."""
    with pytest.raises(TypeError):
        pickle.dumps(client())


def test_url_with_a_password_is_shown_without_it(client: Client, shelf: Shelf) -> None:
    """Of the store as of the cache."""
    mpesa = client(url=shelf.url.replace("://", "://user:hunter2@"))
    assert "hunter2" not in f"{mpesa!r} {mpesa.settings!r} {mpesa.store!r} {mpesa.store.name}"


def test_errors_keep_what_they_say_in_other_processes(client: Client, daraja: Simulator) -> None:
    """Copied or pickled: message, hint, requestId and verdict."""
    daraja.fail("invalid-400")
    error = failure(client().token)
    assert error is not None
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301  our own
        assert (type(other), str(other), vars(other)) == (type(error), str(error), vars(error))
