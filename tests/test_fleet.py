"""Real processes that share a token: cold starts, kills, stops, and the simulation of `make fleet` in small."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mpesa_secrets.simulator import Simulator
from mpesa_secrets.testing.caches import TokenCacheContract
from scripts.fleet import Plan, simulate
from scripts.fleet_table import Table
from tests.daraja_client import KEY, SECRET
from tests.servers.valkey import Valkey
from tests.token_fixtures import eventually


class Process:
    """One process of the application."""

    def __init__(self, base_url: str, cache: str, timeout: float) -> None:
        command = [sys.executable, "-m", "tests.fleet_worker", base_url, cache, str(timeout)]
        environment = {**os.environ, "MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET}
        self.popen = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ready(self) -> None:
        """Wait until it has started."""
        assert self._line() == "ready"

    def begin(self, command: str = "token") -> None:
        """Let it ask for a token."""
        assert self.popen.stdin is not None
        self.popen.stdin.write(f"{command}\n")

    def outcome(self) -> str:
        """The token, or the class of the error."""
        return self._line().split()[0]

    def send(self, number: int) -> None:
        """A signal."""
        self.popen.send_signal(number)

    def _line(self) -> str:
        assert self.popen.stdout is not None
        return self.popen.stdout.readline().strip()


Start = Callable[..., list[Process]]


@pytest.fixture(params=["file", "redis"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a cache."""
    if request.param == "file":
        return f"file://{tmp_path}/tokens"
    valkey = request.getfixturevalue("valkey")
    assert isinstance(valkey, Valkey)
    return valkey.url


@pytest.fixture
def start(daraja: Simulator, cache: str) -> Iterator[Start]:
    """Starts processes, and waits for them."""
    processes: list[Process] = []

    def begin(number: int, timeout: float = 20.0) -> list[Process]:
        new = [Process(daraja.base_url, cache, timeout) for _ in range(number)]
        processes.extend(new)
        for process in new:
            process.ready()
        return new

    yield begin
    for process in processes:
        process.popen.kill()
        process.popen.communicate()


def outcomes(processes: list[Process], command: str = "token") -> list[str]:
    """What becomes of each, if all begin at the same time."""
    for process in processes:
        process.begin(command)
    return [process.outcome() for process in processes]


def test_fifty_cold_processes_make_one_request(start: Start, daraja: Simulator) -> None:
    """However slow Daraja is."""
    daraja.latency = 0.3
    tokens = outcomes(start(50))
    assert len(set(tokens)) == 1
    assert daraja.is_current(tokens[0])
    assert len(daraja.token_requests) == 1


def test_refused_token_is_replaced_once_for_twenty_processes(start: Start, daraja: Simulator) -> None:
    """The last token wins: a second request would refuse nineteen of them again."""
    processes = start(20)
    (old,) = set(outcomes(processes))
    daraja.expire_tokens()
    daraja.latency = 0.2
    (new,) = set(outcomes(processes, "refused"))
    assert new != old
    assert daraja.is_current(new)
    assert len(daraja.token_requests) == 2


def test_failing_daraja_is_asked_once_for_all_who_wait(start: Start, daraja: Simulator) -> None:
    """They share the failure."""
    daraja.latency = 0.5
    daraja.fail("empty-400", None)
    assert set(outcomes(start(12))) == {"CredentialsRejected"}
    assert len(daraja.token_requests) == 1


def test_holder_that_is_killed_while_daraja_answers_is_replaced(start: Start, daraja: Simulator) -> None:
    """kill -9; the others wait on, and one of them takes over."""
    holder, *others = start(6, timeout=4.0)
    daraja.fail("hang", 1)
    holder.begin()
    eventually(lambda: len(daraja.token_requests) == 1)
    for process in others:
        process.begin()
    holder.send(signal.SIGKILL)
    tokens = {process.outcome() for process in others}
    assert len(tokens) == 1
    assert daraja.is_current(tokens.pop())
    assert len(daraja.token_requests) == 2


def test_holder_that_was_stopped_does_not_overwrite_a_newer_token(start: Start, daraja: Simulator) -> None:
    """SIGSTOP beyond its lease, then SIGCONT: its token is dead, and it takes the newer one itself."""
    holder, other = start(2, timeout=6.0)
    daraja.fail("slow", 1, seconds=0.5)
    holder.begin()
    eventually(lambda: len(daraja.token_requests) == 1)
    holder.send(signal.SIGSTOP)
    newer = outcomes([other])[0]
    holder.send(signal.SIGCONT)
    assert holder.outcome() == newer
    assert outcomes(start(1)) == [newer]
    assert daraja.is_current(newer)
    assert len(daraja.token_requests) == 2


def test_cache_that_goes_down_and_comes_back_is_used_again(daraja: Simulator, valkey: Valkey) -> None:
    """Calls go on meanwhile."""
    processes = [Process(daraja.base_url, valkey.url, 20.0) for _ in range(3)]
    try:
        for process in processes:
            process.ready()
        (token,) = set(outcomes(processes))
        valkey.stop()
        assert set(outcomes(processes)) == {token}
        alone = outcomes(processes, "refused")
        assert len(set(alone)) == 3
        valkey.start()
        time.sleep(5.5)
        together = [outcomes([process], "refused")[0] for process in processes]
        assert len(set(together[:1] + outcomes(processes[:1]))) == 1
        assert together[-1] not in alone
    finally:
        for process in processes:
            process.popen.kill()
            process.popen.communicate()


@pytest.mark.parametrize("kind", ["file", "redis", "dynamodb"])
def test_fleet_in_small_keeps_to_its_figures(kind: str) -> None:
    """`make fleet` with fewer processes, over fewer lifetimes: a rotation, a kill, no call that fails."""
    plan = Plan(processes=6, lifetimes=2, lifetime=6, rate=5.0, kills=1)
    outcome = simulate(kind, plan)
    assert outcome.failed == 0
    assert 2 <= outcome.token_requests <= plan.lifetimes + 2 * (plan.kills + plan.rotations)
    # Each process may lose each token once; over so short a time that is more than one in a hundred.
    assert outcome.refused <= (outcome.token_requests + 1) * plan.processes
    assert outcome.calls > plan.processes * plan.lifetime


class TestStandInForDynamoDb(TokenCacheContract):
    """What the simulation plays is what moto plays."""

    @pytest.fixture
    def url(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
        with Table() as table:
            for name, value in table.environment.items():
                monkeypatch.setenv(name, value)
            yield "dynamodb://tokens"
