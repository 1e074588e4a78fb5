"""The commands that only read: token, check, status, backends."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from mpesa_secrets.simulator import Simulator
from tests.leaks import shows
from tests.program import KEY, SECRET, run, variables

DAY = 86400


@pytest.fixture
def daraja() -> Iterator[Simulator]:
    with Simulator(KEY, SECRET) as running:
        yield running


@pytest.fixture
def dotenv(tmp_path: Path) -> Path:
    """A dotenv file with the pair."""
    file = tmp_path / ".env"
    file.write_text(f"MPESA_CONSUMER_KEY={KEY}\nMPESA_CONSUMER_SECRET={SECRET}\n")
    file.chmod(0o600)
    return file


def test_token_is_printed_bare(daraja: Simulator) -> None:
    """28 letters and digits and the end of the line, for one request."""
    result = run("token", environment=variables(daraja.base_url))
    assert (result.code, result.err) == (0, "")
    assert len(result.out) == 29
    assert daraja.is_current(result.out.strip())
    assert len(daraja.token_requests) == 1


def test_token_as_header_is_for_curl(daraja: Simulator) -> None:
    """`curl -H "$(mpesa-secrets token --format header)"`."""
    line = run("token", "--format", "header", environment=variables(daraja.base_url)).out
    assert line.startswith("Authorization: Bearer ")
    assert daraja.is_current(line.split()[2])


def test_token_as_json_tells_its_end(daraja: Simulator) -> None:
    """In unix seconds, and in seconds from now."""
    shown = run("token", "--format", "json", environment=variables(daraja.base_url)).json
    assert set(shown) == {"access_token", "expires_at", "expires_in"}
    assert daraja.is_current(str(shown["access_token"]))
    assert shown["expires_in"] in range(3590, 3600)
    assert shown["expires_at"] in range(int(time.time()) + 3580, int(time.time()) + 3601)


@pytest.mark.parametrize("value", ["plain", "it's", '$HOME `id` "x" \\ !! #', "a;b&c|d"])
def test_token_for_the_shell_survives_eval(value: str, daraja: Simulator) -> None:
    """Whatever it holds."""
    daraja.fail("odd-token", token=value)
    text = run("token", "--format", "shell", environment=variables(daraja.base_url)).out
    assert text.startswith("export MPESA_ACCESS_TOKEN='")
    script = 'eval "$1"; sh -c \'printf %s "$MPESA_ACCESS_TOKEN"\''
    done = subprocess.run(["sh", "-c", script, "sh", text], capture_output=True, text=True, check=True)
    assert done.stdout == value


def test_check_tells_each_step(daraja: Simulator) -> None:
    """Without asking Daraja."""
    result = run("check", environment=variables(daraja.base_url))
    assert (result.code, result.err) == (0, "")
    assert [line.split()[:2] for line in result.out.splitlines()] == [["ok", n] for n in ("settings", "store", "pair")]
    assert daraja.token_requests == []
    assert not shows(result.out, [SECRET, KEY])


def test_live_check_asks_daraja_once(daraja: Simulator) -> None:
    """And does not show the token."""
    shown = run("check", "--live", "--json", environment=variables(daraja.base_url)).json
    assert shown["ok"] is True
    checks = shown["checks"]
    assert isinstance(checks, list)
    assert [check["name"] for check in checks] == ["settings", "store", "pair", "token"]
    assert all(set(check) == {"name", "ok", "detail", "hint"} for check in checks)
    assert len(daraja.token_requests) == 1


def test_check_of_a_refused_pair_fails_at_the_token(daraja: Simulator) -> None:
    """The steps before it are good; the hint names key, secret and environment."""
    wrong = variables(daraja.base_url, MPESA_CONSUMER_SECRET="wrong" * 10)
    result = run("check", "--live", "--json", environment=wrong)
    result.failed(5)
    assert result.json["ok"] is False
    checks = result.json["checks"]
    assert isinstance(checks, list)
    assert [check["ok"] for check in checks] == [True, True, True, False]
    assert "environment" in checks[-1]["hint"]


@pytest.mark.parametrize(
    ("secret", "says"), [(SECRET + "\n", "white space around"), ("a b", "white space in"), ("a:b", "colon")]
)
def test_check_finds_what_cannot_be_a_pair(secret: str, says: str, daraja: Simulator) -> None:
    """Daraja's only answer to these would be an empty 400; it is not even asked."""
    result = run("check", "--live", environment=variables(daraja.base_url, MPESA_CONSUMER_SECRET=secret))
    assert says in result.failed(4)
    assert "FAIL pair" in result.out
    assert daraja.token_requests == []


@pytest.mark.parametrize(("key", "secret", "says"), [(SECRET, KEY, "swapped"), (KEY, "0a" * 32, "passkey")])
def test_check_points_out_a_mix_up(key: str, secret: str, says: str) -> None:
    """A note; only Daraja can tell."""
    result = run("check", environment=variables(MPESA_CONSUMER_KEY=key, MPESA_CONSUMER_SECRET=secret))
    assert result.code == 0
    assert says in result.out


def test_check_of_an_empty_store_fails_at_the_store() -> None:
    """With what to do."""
    result = run("check", "--json", environment={"MPESA_SECRETS_URL": "env://NOBODY_"})
    result.failed(4)
    checks = result.json["checks"]
    assert isinstance(checks, list)
    assert [(check["name"], check["ok"]) for check in checks] == [("settings", True), ("store", False)]
    assert len(result.err.splitlines()) == 2


def test_status_of_the_environment_knows_the_pair_only() -> None:
    """No version, no date, no history; the fingerprint is that of the library."""
    result = run("status", "--json", environment=variables())
    assert result.code == 0
    assert set(result.json) == {"store", "version", "fingerprint", "updated_at", "age_days", "history"}
    assert len(str(result.json["fingerprint"])) == 12
    assert not shows(result.out, [KEY, SECRET])


def test_status_of_a_file_knows_its_age(dotenv: Path) -> None:
    """--max-age makes code 10 of it."""
    old = time.time() - 100 * DAY
    os.utime(dotenv, (old, old))
    url = f"env://{dotenv}"
    shown = run("--url", url, "status", "--json")
    assert (shown.code, shown.json["age_days"]) == (0, 100.0)
    assert run("--url", url, "status", "--max-age", "101d").code == 0
    result = run("--url", url, "status", "--max-age", "90d", "--json")
    assert "100.0 days old" in result.failed(10)
    assert result.json["fingerprint"] == shown.json["fingerprint"]


def test_status_shows_the_same_to_people(dotenv: Path) -> None:
    """The fingerprint, not the pair."""
    result = run("--url", f"env://{dotenv}", "status")
    fingerprint = str(run("--url", f"env://{dotenv}", "status", "--json").json["fingerprint"])
    assert fingerprint in result.out
    assert not shows(result.out, [KEY, SECRET])


def test_age_that_nobody_knows_is_a_failure() -> None:
    """Rather than a pass."""
    run("status", "--max-age", "90d", environment=variables()).failed(4)


def test_backends_are_listed_with_their_origin() -> None:
    """Stores and token caches, for programs and for people."""
    shown = run("backends", "--json").json
    assert set(shown) == {"stores", "token_caches"}
    for kind, schemes in (
        ("stores", {"env", "vault", "aws"}),
        ("token_caches", {"memory", "file", "redis", "dynamodb"}),
    ):
        found = shown[kind]
        assert isinstance(found, list)
        assert schemes <= {plugin["scheme"] for plugin in found}, json.dumps(found)
        for plugin in found:
            assert set(plugin) == {"scheme", "url", "distribution", "version"}
            assert plugin["url"].startswith(plugin["scheme"])
        ours = [plugin for plugin in found if plugin["distribution"] == "mpesa-secrets"]
        assert {plugin["version"] for plugin in ours} == {version("mpesa-secrets")}
    lines = run("backends").out
    assert all(f"{scheme}://" in lines for scheme in ("env", "vault", "aws", "memory"))
