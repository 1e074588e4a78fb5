"""What an answer of the token endpoint means."""

from __future__ import annotations

import json
import logging
import time
from email.utils import formatdate

import pytest

from mpesa_secrets.answers import Refusal, judge, judge_silence, lifetime, retry_after
from mpesa_secrets.daraja import Answer, NoAnswer
from mpesa_secrets.errors import (
    CredentialsRejected,
    DarajaError,
    DarajaUnavailable,
    RequestBlocked,
    UnexpectedAnswer,
)
from mpesa_secrets.tokens import AccessToken

HOST = "https://daraja.test"
NOW = 1_700_000_000.0


def answer(status: int, body: object = b"", **headers: str) -> Answer:
    """An answer to a request of NOW; a body that is not bytes is sent as JSON."""
    return Answer(NOW, status, headers, body if isinstance(body, bytes) else json.dumps(body).encode())


def refusal(status: int, body: object = b"", **headers: str) -> Refusal:
    """What is made of an answer that is none with a token."""
    judged = judge(answer(status, body, **headers), HOST)
    assert isinstance(judged, Refusal)
    return judged


def error(code: str, message: str = "no") -> dict[str, str]:
    """An error as Daraja writes it."""
    return {"requestId": "11728-2929992-1", "errorCode": code, "errorMessage": message}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b"", CredentialsRejected),
        (400, b" \r\n", CredentialsRejected),
        (400, error("400.008.01", "Bad Credentials"), CredentialsRejected),
        (400, [error("400.008.01")], CredentialsRejected),
        (401, b"", CredentialsRejected),
        (401, error("401.002.01"), CredentialsRejected),
        (400, error("400.008.02"), UnexpectedAnswer),
        (400, error("400.002.02"), UnexpectedAnswer),
        (400, "400", UnexpectedAnswer),
        (404, b"<html>", UnexpectedAnswer),
        (410, b"", UnexpectedAnswer),
        (204, b"", UnexpectedAnswer),
        (402, b"", UnexpectedAnswer),
        (302, b"", UnexpectedAnswer),
        (200, b"", UnexpectedAnswer),
        (200, b"[" * 100_000, UnexpectedAnswer),
        (200, b"\xff\xfe\xff", UnexpectedAnswer),
        (403, b"", RequestBlocked),
        (403, error("400.008.01"), RequestBlocked),
        (503, b"<iframe src='/_Incapsula_Resource'>", RequestBlocked),
        (503, b"Request unsuccessful.", RequestBlocked),
        (200, b"Incapsula incident", RequestBlocked),
        (503, b"", DarajaUnavailable),
        (500, error("500.003.02"), DarajaUnavailable),
        (429, b"", DarajaUnavailable),
        (408, b"", DarajaUnavailable),
        (599, b"", DarajaUnavailable),
    ],
)
def test_answer_without_a_token_is_an_error_of_its_own_class(
    status: int, body: object, expected: type[DarajaError]
) -> None:
    """Exactly that class, retryable where a later call may do."""
    judged = refusal(status, body)
    assert type(judged.error) is expected
    assert judged.error.retryable is (expected in (RequestBlocked, DarajaUnavailable))


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, error("404.001.04")), (405, b""), (405, error("405.001")), (400, error("404.001.04"))],
)
def test_wrong_method_is_seen(status: int, body: object) -> None:
    """By status or by code."""
    assert refusal(status, body).wrong_method
    assert not refusal(404, error("404.001.01")).wrong_method


@pytest.mark.parametrize(
    "body",
    [
        error("500.003.02", "Spike Arrest Violation"),
        error("500.003.03"),
        {"fault": {"detail": {"errorcode": "policies.ratelimit.SpikeArrestViolation"}}},
        {"fault": {"detail": {"errorcode": "policies.ratelimit.QuotaViolation"}}},
        b"System is busy. Please try again in few minutes.",
    ],
)
def test_throttling_comes_as_http_500_too(body: object) -> None:
    """With a Retry-After that counts, and slower steps than an outage."""
    throttled = refusal(500, body, **{"Retry-After": "7"})
    assert throttled.after == 7
    assert throttled.base > refusal(500).base
    assert refusal(500, **{"Retry-After": "7"}).after is None


def test_request_id_is_kept_for_support() -> None:
    """But only what can be one."""
    assert refusal(400, error("400.008.01")).error.request_id == "11728-2929992-1"
    assert refusal(500, error("500.001.1001")).error.request_id == "11728-2929992-1"
    assert refusal(400, {**error("400.008.01"), "requestId": "a b\n" * 9}).error.request_id is None
    assert refusal(400, {**error("400.008.01"), "requestId": 7}).error.request_id is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig", "utf-16-le", "latin-1"])
def test_code_is_found_in_any_charset_that_says_so(encoding: str) -> None:
    """A byte order mark is enough; without one UTF-16 is not guessed, and does not hurt."""
    body = json.dumps(error("400.008.01", "Requête refusée"), ensure_ascii=False).encode(encoding)
    expected = UnexpectedAnswer if encoding == "utf-16-le" else CredentialsRejected
    assert type(refusal(400, body).error) is expected


@pytest.mark.parametrize("value", ["", " ", "a\r\nX-Injected: 1", "jeton\u00e9", "a\x7f", "\t", 12345, None, ["a"], {}])
def test_token_that_no_header_can_hold_is_none(value: object) -> None:
    """Nothing of it comes through."""
    assert type(refusal(200, {"access_token": value, "expires_in": "3599"}).error) is UnexpectedAnswer


def test_hopeless_token_costs_no_time() -> None:
    """However long it is."""
    begun = time.process_time()
    refusal(200, {"access_token": "a" * 60_000 + "\x01"})
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize("value", ["a", "x" * 4000, "a.b-c_d~+/=", "two words"])
def test_token_is_opaque(value: str) -> None:
    """Any length, any printable letters; its time counts from the request."""
    token = judge(answer(200, {"access_token": value, "expires_in": "3599", "scope": None}), HOST)
    assert isinstance(token, AccessToken)
    assert (token.value, token.expires_at, token.lifetime) == (value, NOW + 3599, 3599)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3599", 3599), (3599, 3599), (" 3599\n", 3599), (3599.9, 3599), ("3599.9", 3599), (1, 1), (86400, 86400)],
)
def test_lifetime_is_taken_as_text_or_number(value: object, seconds: float) -> None:
    """Fractions are cut."""
    assert lifetime(value) == seconds


INCREDIBLE: list[object] = [None, "", "soon", 0, "0", -1, "-5", 0.5, True, [], {}, 86401, "1e9", 10**400, "inf", "nan"]


@pytest.mark.parametrize("value", [*INCREDIBLE, float("nan"), "9" * 9999])
def test_lifetime_that_is_not_to_be_believed_is_short(value: object, caplog: pytest.LogCaptureFixture) -> None:
    """A minute, and the log says so."""
    with caplog.at_level(logging.WARNING):
        assert lifetime(value) == 60
    assert "expires_in" in caplog.text


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7),
        (" 7 ", 7),
        ("0", 0),
        ("-1", None),
        ("soon", None),
        ("", None),
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), 0),
        ("Wed, 99 Foo 2015 07:28:00 GMT", None),
        ("Wed, 21 Oct 99999 07:28:00 +9999", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    """What is neither, is not there."""
    assert retry_after(value, NOW) == seconds


def test_silence_is_judged_by_its_cause() -> None:
    """TLS that does not verify is for a person, a broken stream for two more tries, the rest for all the time."""
    unverified = judge_silence(NoAnswer("SSLError", unverified=True), HOST)
    assert (type(unverified.error), unverified.error.retryable, unverified.most) == (DarajaUnavailable, False, 1)
    assert "REQUESTS_CA_BUNDLE" in str(unverified.error.hint)
    broken = judge_silence(NoAnswer("ContentDecodingError", broken=True), HOST)
    assert (type(broken.error), broken.most) == (UnexpectedAnswer, 3)
    silent = judge_silence(NoAnswer("ReadTimeout"), HOST)
    assert (type(silent.error), silent.error.retryable) == (DarajaUnavailable, True)
    assert silent.most > 20


def test_hints_name_what_a_person_can_check() -> None:
    """The environment for a refused pair, the address for the firewall."""
    assert "environment" in str(refusal(400).error.hint)
    assert "egress IP" in str(refusal(403).error.hint)


def test_answer_shows_nothing_of_its_body() -> None:
    """It may hold a token."""
    shown = answer(200, {"access_token": "hidden"})
    assert "hidden" not in f"{shown!r} {shown} {[shown]}"
    assert not hasattr(shown, "__dict__")


def test_error_message_of_an_answer_is_not_repeated() -> None:
    """Its code is."""
    told = str(refusal(400, error("401.002.01", "Invalid Access Token - hidden")).error)
    assert "401.002.01" in told
    assert "hidden" not in told
