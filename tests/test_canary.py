"""The canary, as Lambda runs it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpesa_secrets import canary
from mpesa_secrets.simulator import Simulator
from tests.leaks import shows
from tests.program import KEY, SECRET
from tests.servers.lambda_runtime import NAME, LambdaRuntime
from tests.servers.processes import HOST, free_port

HANDLER = "mpesa_secrets.canary.handler"
DAY = 86400


@pytest.fixture
def daraja() -> Iterator[Simulator]:
    with Simulator(KEY, SECRET) as running:
        yield running


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    """A dotenv file whose pair was written ten days ago."""
    file = tmp_path / ".env"
    file.write_text(f"MPESA_CONSUMER_KEY={KEY}\nMPESA_CONSUMER_SECRET={SECRET}\n")
    os.utime(file, (time.time() - 10 * DAY,) * 2)
    return file


def seen(directory: Path, variables: dict[str, str], timeout: float = 30.0) -> dict[str, object]:
    """What one invocation prints, which is also what it returns; without a secret, in the log neither."""
    with LambdaRuntime(directory, timeout) as function:
        function.start(HANDLER, variables, directory=directory)
        outcome = function.invoke({"source": "aws.events"})
        (line,) = function.log.splitlines()
    assert outcome.kind == "response"
    assert not shows(line, [SECRET])
    printed: dict[str, object] = json.loads(line)
    assert {**printed, **outcome.body} == printed
    return printed


def test_pair_that_brings_a_token_is_reported_with_its_age(daraja: Simulator, dotenv: Path) -> None:
    """In the form that CloudWatch makes metrics of."""
    variables = {"MPESA_SECRETS_URL": f"env://{dotenv}", "MPESA_BASE_URL": daraja.base_url}
    printed = seen(dotenv.parent, variables)
    header = printed["_aws"]
    assert isinstance(header, dict)
    assert abs(header["Timestamp"] / 1000 - time.time()) < 60
    assert header["CloudWatchMetrics"] == [
        {
            "Namespace": "MpesaSecrets",
            "Dimensions": [["FunctionName"]],
            "Metrics": [{"Name": "TokenFetched", "Unit": "Count"}, {"Name": "PairAgeDays", "Unit": "None"}],
        }
    ]
    assert printed["PairAgeDays"] == pytest.approx(10, abs=0.1)
    assert {name: printed[name] for name in printed if name not in {"_aws", "PairAgeDays"}} == {
        "FunctionName": NAME, "TokenFetched": 1,
    }  # fmt: skip
    assert daraja.stats()["token_requests"] == 1


def metrics(printed: dict[str, object]) -> list[str]:
    """The names that CloudWatch makes metrics of."""
    header = printed["_aws"]
    assert isinstance(header, dict)
    return [metric["Name"] for metric in header["CloudWatchMetrics"][0]["Metrics"]]


def test_store_without_dates_has_no_age(daraja: Simulator, tmp_path: Path) -> None:
    """The metric is left out rather than guessed."""
    pair = {"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET, "MPESA_BASE_URL": daraja.base_url}
    printed = seen(tmp_path, pair)
    assert (printed["TokenFetched"], metrics(printed)) == (1, ["TokenFetched"])
    assert "PairAgeDays" not in printed


def test_refused_pair_is_zero_with_the_reason(daraja: Simulator, dotenv: Path) -> None:
    """And its age is still told."""
    daraja.revoke(KEY)
    variables = {"MPESA_SECRETS_URL": f"env://{dotenv}", "MPESA_BASE_URL": daraja.base_url}
    printed = seen(dotenv.parent, variables)
    assert (printed["TokenFetched"], printed["Step"], printed["Reason"]) == (0, "token", "CredentialsRejected")
    assert metrics(printed) == ["TokenFetched", "PairAgeDays"]


@pytest.mark.parametrize(
    ("variables", "step", "reason"),
    [
        ({"MPESA_ENVIRONMENT": "moon"}, "settings", "ConfigurationError"),
        ({"MPESA_TIMEOUT": "never"}, "settings", "ConfigurationError"),
        ({"MPESA_SECRETS_URL": "nowhere://x"}, "settings", "ConfigurationError"),
        ({}, "store", "SecretNotFound"),
        ({"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": "with blanks"}, "pair", "MalformedSecret"),
    ],
)
def test_whatever_is_wrong_is_zero_with_the_reason(
    variables: dict[str, str], step: str, reason: str, tmp_path: Path
) -> None:
    """The step, the error's class, and what it says."""
    printed = seen(tmp_path, variables)
    assert (printed["TokenFetched"], printed["Step"], printed["Reason"]) == (0, step, reason)
    assert printed["Detail"]
    assert metrics(printed) == ["TokenFetched"]


def test_daraja_that_is_down_is_zero(dotenv: Path) -> None:
    """Long before the application's token runs out."""
    variables = {"MPESA_SECRETS_URL": f"env://{dotenv}", "MPESA_BASE_URL": f"http://{HOST}:{free_port()}"}
    printed = seen(dotenv.parent, {**variables, "MPESA_TIMEOUT": "1"})
    assert (printed["TokenFetched"], printed["Reason"]) == (0, "DarajaUnavailable")


def test_report_comes_before_the_functions_time_is_up(dotenv: Path) -> None:
    """Where Daraja hangs, although MPESA_TIMEOUT would allow more than the function has."""
    with socket.create_server((HOST, 0)) as silent:
        base_url = f"http://{HOST}:{silent.getsockname()[1]}"
        begin = time.monotonic()
        variables = {"MPESA_SECRETS_URL": f"env://{dotenv}", "MPESA_BASE_URL": base_url}
        printed = seen(dotenv.parent, variables, timeout=5.0)
        assert time.monotonic() - begin < 5.0
    assert (printed["TokenFetched"], printed["Reason"]) == (0, "DarajaUnavailable")


def test_second_look_is_as_good_as_the_first(daraja: Simulator, dotenv: Path) -> None:
    """A warm function sees a pair that was revoked meanwhile."""
    with LambdaRuntime(dotenv.parent) as function:
        variables = {"MPESA_SECRETS_URL": f"env://{dotenv}", "MPESA_BASE_URL": daraja.base_url}
        function.start(HANDLER, variables, directory=dotenv.parent)
        assert function.invoke({}).body["TokenFetched"] == 1
        daraja.revoke(KEY)
        assert function.invoke({}).body["TokenFetched"] == 0


def test_fault_of_ours_is_zero_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A canary that fails in its own way must not keep silent, nor show what it fell over."""

    def broken(**_: object) -> None:
        raise ValueError(SECRET)

    monkeypatch.setattr(canary, "Settings", broken)
    found = canary.look(30.0)
    assert (found["TokenFetched"], found["Reason"]) == (0, "ValueError")
    assert not shows(str(found), [SECRET])
