"""SIGINT, SIGTERM and SIGHUP at each step: the old state is back and the code is 130, or it was through and it is 0."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mpesa_secrets.errors import Interrupted, MpesaSecretsError
from mpesa_secrets.rotation import Rotation, Step
from mpesa_secrets.rotation.interrupts import Interrupts
from mpesa_secrets.simulator import Simulator
from tests.program import PROGRAM
from tests.rotation_places import (
    KINDS,
    NETWORKED,
    AwsPlace,
    DotenvPlace,
    KvPlace,
    Place,
    bring,
    fields,
    pair,
    place_of,
    rotation,
)
from tests.servers.faulty import FaultyProxy
from tests.servers.loopback import Request
from tests.token_fixtures import eventually

Lead = Callable[[Mapping[str, str]], None]
MakeProxy = Callable[[str], FaultyProxy]
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupted(attempt: Rotation, interrupts: Interrupts) -> int:
    """The exit code of a rotation that heeds signals."""
    with interrupts:
        try:
            attempt.rotate(bring(2))
        except KeyboardInterrupt:
            return 130
        except MpesaSecretsError as error:
            return error.exit_code
        return 0


class Sender:
    """Sends this process a signal when the nth request comes in, while it is waited for."""

    def __init__(self, position: int, number: signal.Signals) -> None:
        self._left = position
        self._number = number

    def __call__(self, _request: Request) -> bool:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), self._number)
        return self._left == 0


@pytest.mark.parametrize(("kind", "number"), list(zip(NETWORKED, SIGNALS, strict=True)))
def test_a_signal_during_any_request_leaves_code_and_state_agreeing(
    kind: str, number: signal.Signals, many_pairs: Simulator, request: Any, lead: Lead, faulty_proxy: MakeProxy
) -> None:
    """While nothing is written it ends at once; afterwards the old state is put back and checked."""
    place = place_of(kind, request)
    proxy = faulty_proxy(place.upstream)
    lead(place.variables(proxy.url))
    codes: list[int] = []
    while len(proxy.requests) >= len(codes):
        place = place.another()
        proxy.clear()
        proxy.fail_when(Sender(len(codes) + 1, number), "slow", seconds=0.02)
        attempt = rotation(place, many_pairs, interrupts=(interrupts := Interrupts()))
        codes.append(interrupted(attempt, interrupts))
        told = (attempt.report.steps, codes)
        assert codes[-1] in (0, 130), told
        assert place.get() == fields(2 if codes[-1] == 0 else 1), told
        assert place.leftovers() == [], told
        assert attempt.report.outcome == ("rotated" if codes[-1] == 0 else "interrupted")
    assert codes.count(130) >= 6
    assert codes == sorted(codes, reverse=True), "once it was through, a signal changes nothing any more"


@pytest.mark.parametrize("step", ["write", "read-back", "promote"])
@pytest.mark.parametrize("kind", KINDS)
def test_after_a_signal_the_old_state_is_back(kind: str, step: str, many_pairs: Simulator, request: Any) -> None:
    """Between two steps; the report says what was done about it."""
    place = place_of(kind, request)
    if step == "promote" and kind != "aws":
        pytest.skip("nothing is promoted here")

    def stop(done: Step) -> None:
        if done.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.MonkeyPatch.context() as patched:
        for name, value in place.variables().items():
            patched.setenv(name, value)
        attempt = rotation(place, many_pairs, tell=stop, interrupts=(interrupts := Interrupts()))
        with pytest.raises(Interrupted, match="SIGTERM; the previous pair was put back"), interrupts:
            attempt.rotate(bring(2))
    assert (place.get(), place.leftovers()) == (fields(1), [])
    assert [each.step for each in attempt.report.steps][-1] == "put-back"
    assert attempt.report.current == (place.version(), pair(1).fingerprint)
    if isinstance(place, AwsPlace):
        assert "AWSPREVIOUS" not in place.stages()


def test_an_interrupt_that_nobody_took_over_puts_the_old_state_back_too(many_pairs: Simulator, request: Any) -> None:
    """As a library, where Ctrl-C is an exception that may rise anywhere."""
    place = place_of("dotenv", request)

    def stop(done: Step) -> None:
        if done.step == "write":
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        rotation(place, many_pairs, tell=stop).rotate(bring(2))
    assert (place.get(), place.leftovers()) == (fields(1), [])


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            os.kill(os.getpid(), signal.SIGHUP)
            interrupts.hold()
            interrupts.check()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_the_handlers_of_before_are_back_afterwards() -> None:
    """Whatever happened within."""
    before = [signal.getsignal(number) for number in SIGNALS]
    with pytest.raises(KeyboardInterrupt), Interrupts():
        os.kill(os.getpid(), signal.SIGINT)
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.fixture
def file(request: pytest.FixtureRequest) -> DotenvPlace:
    """A dotenv file with pair 1."""
    place = place_of("dotenv", request)
    assert isinstance(place, DotenvPlace)
    return place


def start(place: Place, daraja: Simulator) -> subprocess.Popen[str]:
    """A rotation in a process of its own, that has got its new pair."""
    new = pair(2)
    process = subprocess.Popen(
        [*PROGRAM, "rotate", "--url", place.url, "--base-url", daraja.base_url, "--from", "-", "--json"],
        env={**os.environ, **place.variables()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(f"MPESA_CONSUMER_KEY={new.consumer_key}\nMPESA_CONSUMER_SECRET={new.consumer_secret}\n")
    process.stdin.flush()
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_daraja_is_asked_the_program_ends_at_once(
    number: signal.Signals, file: DotenvPlace, many_pairs: Simulator
) -> None:
    """Exit 130, one line, and with --json one object that says so."""
    many_pairs.latency = 8
    process = start(file, many_pairs)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    eventually(lambda: many_pairs.token_requests, 20)
    process.send_signal(number)
    out, err = process.communicate(timeout=5)
    assert process.returncode == 130
    assert '"outcome": "interrupted"' in out
    assert '"type": "Interrupted"' in out
    assert "nothing was written" in err
    assert file.get() == fields(1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_while_the_file_is_written_the_program_puts_it_back(
    number: signal.Signals, file: DotenvPlace, many_pairs: Simulator
) -> None:
    """The signal comes while it waits for the lock: the write is made, seen, and taken back."""
    descriptor = os.open(file.path.parent, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    process = start(file, many_pairs)
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None
    eventually(lambda: many_pairs.token_requests, 20)
    eventually(lambda: waits_for_lock(process.pid), 10)
    process.send_signal(number)
    os.close(descriptor)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130, out
    assert '"outcome": "interrupted"' in out
    assert (file.get(), file.leftovers()) == (fields(1), [])


def waits_for_lock(pid: int) -> bool:
    """Whether a process has the directory open whose lock it wants."""
    try:
        return any(os.path.isdir(f"/proc/{pid}/fd/{name}") for name in os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return False


def test_two_signals_do_no_more_than_one(many_pairs: Simulator, request: Any) -> None:
    """Who presses Ctrl-C again does not stop the putting back."""
    place = place_of("kv2", request)
    assert isinstance(place, KvPlace)

    def stop(done: Step) -> None:
        if done.step in ("write", "put-back"):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patched:
        for name, value in place.variables().items():
            patched.setenv(name, value)
        attempt = rotation(place, many_pairs, tell=stop, interrupts=(interrupts := Interrupts()))
        with pytest.raises(Interrupted), interrupts:
            attempt.rotate(bring(2))
    assert place.get() == fields(1)
