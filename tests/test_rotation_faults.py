"""A fault in every single answer of the store during a rotation: exit code and real state agree, each time."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mpesa_secrets.errors import AccessDenied, Conflict, MpesaSecretsError, RollbackFailed, StoreUnavailable
from mpesa_secrets.rotation import Report, Rotation, Step
from mpesa_secrets.settings import Settings
from mpesa_secrets.simulator import Simulator
from tests.rotation_places import (
    NETWORKED,
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
from tests.servers.loopback import Answer, LoopbackServer, Request, forward

Lead = Callable[[Mapping[str, str]], None]
MakeProxy = Callable[[str], FaultyProxy]
pytestmark = pytest.mark.usefixtures("short_pauses")
FAULTS = ("drop-before", "drop-after", "500", "500-after", "corrupt", "403")
OLD_IS_CURRENT = {4, 5, 6, 7, 8}


def is_from(position: int, proxy: FaultyProxy, asked: Request) -> bool:
    """Whether it is this request or a later one."""
    return proxy.requests.index(asked) + 1 >= position


def ended(attempt: Rotation, number: int = 2) -> int:
    """The exit code of a rotation."""
    try:
        attempt.rotate(bring(number))
    except MpesaSecretsError as error:
        return error.exit_code
    return 0


def assert_agrees(code: int, place: Place, report: Report) -> None:
    """Asserts that an exit code tells the state of the store, and the report too."""
    told = [*report.steps, code]
    assert code in {0, *OLD_IS_CURRENT}, told
    number = 2 if code == 0 else 1
    assert place.get() == fields(number), told
    assert place.leftovers() == [], told
    if report.previous is not None:
        assert report.current == (place.version(), pair(number).fingerprint), told
    assert report.outcome == {0: "rotated", 7: "conflict", 8: "rolled-back"}.get(code, "refused")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", NETWORKED)
def test_a_fault_in_any_single_answer_leaves_code_and_state_agreeing(
    kind: str, fault: str, many_pairs: Simulator, request: Any, lead: Lead, faulty_proxy: MakeProxy
) -> None:
    """0 means that the new pair is current, anything else that the old one is; no neighbour changes."""
    place = place_of(kind, request)
    proxy = faulty_proxy(place.upstream)
    lead(place.variables(proxy.url))
    position, codes = 0, []
    while len(proxy.requests) >= position:
        position += 1
        place = place.another()
        proxy.clear()
        proxy.fail(position, fault)
        attempt = rotation(place, many_pairs)
        codes.append(ended(attempt))
        assert_agrees(codes[-1], place, attempt.report)
    # The last round met no fault any more.
    assert codes[-1] == 0
    assert len(codes) > 9


@pytest.mark.parametrize(("fault", "positions"), [("500", (2, 4, 5, 7, 9, 11)), ("403", (2, 3, 4, 5, 7, 9, 11))])
@pytest.mark.parametrize("kind", NETWORKED)
def test_a_store_that_never_answers_again_is_code_9_only_where_it_could_not_be_put_right(
    kind: str,
    fault: str,
    positions: Sequence[int],
    many_pairs: Simulator,
    request: Any,
    lead: Lead,
    faulty_proxy: MakeProxy,
) -> None:
    """From one request on. 9 says that nobody knows; any other code is still the truth."""
    place = place_of(kind, request)
    proxy = faulty_proxy(place.upstream)
    lead(place.variables(proxy.url))
    codes = []
    for position in positions:
        place = place.another()
        proxy.clear()
        proxy.fail_when(partial(is_from, position, proxy), fault)
        attempt = rotation(place, many_pairs)
        codes.append(ended(attempt))
        if codes[-1] == 9:
            assert position > 4, "before the write nothing can be wrong with the store"
            assert place.get() in (fields(1), fields(2))
            assert attempt.report.outcome == "rollback-failed"
            assert attempt.report.current is None
        else:
            assert place.get() == fields(2 if codes[-1] == 0 else 1), (position, attempt.report.steps)
    assert 9 in codes
    assert 0 in codes


@pytest.mark.parametrize("kind", ["kv2", "aws"])
def test_an_answer_from_the_past_is_not_believed(kind: str, many_pairs: Simulator, request: Any, lead: Lead) -> None:
    """A replica that lags behind shows the old version once more: that is no reason to stop, nor to say "put back"."""
    place = place_of(kind, request)
    for lasting in (1, 1000):
        place = place.another()
        with Lagging(place.upstream, lasting) as replica:
            lead(place.variables(replica.url))
            attempt = rotation(place, many_pairs)
            code = ended(attempt)
        assert code == (0 if lasting == 1 else 8)
        assert place.get() == fields(2 if code == 0 else 1)


class Lagging(LoopbackServer):
    """Answers the first reads after a change of what readers see with what they saw before."""

    def __init__(self, upstream: str, lasting: int) -> None:
        seen: dict[str, Answer] = {}
        left = {"stale": 0}

        def answer(request: Request) -> Answer:
            is_read = "GetSecretValue" in (request.target or "") or (request.method, "/data/" in request.path) == (
                "GET",
                True,
            )
            key = request.path + request.body.decode()
            if is_read and key in seen and left["stale"] > 0:
                left["stale"] -= 1
                return seen[key]
            found = forward(request, upstream)
            if is_read:
                seen[key] = found
            elif b"AWSCURRENT" in request.body or (request.method == "POST" and "/data/" in request.path):
                # What puts it right again is seen at last.
                left["stale"] = lasting if left["stale"] == 0 else 0
            return found

        super().__init__(answer)


@pytest.mark.parametrize("kind", ["kv2", "aws"])
def test_a_store_that_gives_back_something_else_is_put_back(
    kind: str, many_pairs: Simulator, request: Any, lead: Lead
) -> None:
    """A neighbour that came back as another type is as bad as a wrong secret."""
    place = place_of(kind, request)
    with Altering(place.upstream) as server:
        lead(place.variables(server.url))
        attempt = rotation(place, many_pairs)
        code = ended(attempt)
    assert [step.step for step in attempt.report.steps if not step.ok] == ["read-back"]
    assert code == 8
    assert_agrees(code, place, attempt.report)


class Altering(LoopbackServer):
    """Turns a number in the first write into a text."""

    def __init__(self, upstream: str) -> None:
        altered: list[Request] = []

        def answer(request: Request) -> Answer:
            if b"174379" in request.body and not altered:
                altered.append(request)
                request.body = request.body.replace(b"174379", b"174.37")
            return forward(request, upstream)

        super().__init__(answer)


@pytest.fixture
def file(tmp_path: Path) -> DotenvPlace:
    """A dotenv file with pair 1."""
    return DotenvPlace(tmp_path)


@pytest.mark.parametrize("call", ["open", "fchown", "fsync", "replace", "unlink"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_system_call_that_fails_leaves_code_and_state_agreeing(
    call: str, number: int, file: DotenvPlace, many_pairs: Simulator
) -> None:
    """Each one during a rotation, once: a full disk, a file system gone read-only, a directory that is not ours.

    The tests may run as root, whom no mode stops; so it is the system's answer that is planted.
    """
    planned, calls, codes = 0, 0, []
    while calls >= planned:
        planned += 1
        file = file.another()
        attempt = rotation(file, many_pairs)
        with failing(call, planned, number, file.path.parent) as counted:
            codes.append(ended(attempt))
        calls = len(counted)
        assert_agrees(codes[-1], file, attempt.report)
    assert codes[-1] == 0
    assert len(codes) > 2


def test_a_directory_that_stays_read_only_is_a_store_error(file: DotenvPlace, many_pairs: Simulator) -> None:
    """Exit 4, with the reason."""
    attempt = rotation(file, many_pairs)
    with failing("replace", 0, errno.EROFS, file.path.parent), pytest.raises(AccessDenied, match="Read-only"):
        attempt.rotate(bring(2))
    assert_agrees(4, file, attempt.report)


@contextmanager
def failing(call: str, planned: int, number: int, below: Path) -> Iterator[list[str]]:
    """Lets one call of `os` for files below a directory fail, the nth or (0) all; yields those calls."""
    calls: list[str] = []
    original = getattr(os, call)

    def wrapper(what: Any, *arguments: Any, **named: Any) -> Any:
        path = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else os.fspath(what)
        if path.startswith(str(below)):
            calls.append(path)
            if planned in (0, len(calls)):
                raise OSError(number, os.strerror(number))
        return original(what, *arguments, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, call, wrapper)
        yield calls


def test_a_file_that_is_locked_all_the_time_is_not_written(file: DotenvPlace, many_pairs: Simulator) -> None:
    """Exit 4, after the time-out."""
    attempt = Rotation(Settings(file.url, base_url=many_pairs.base_url, timeout=0.2))
    descriptor = os.open(file.path.parent, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable, match="lock"):
            attempt.rotate(bring(2))
    finally:
        os.close(descriptor)
    assert_agrees(4, file, attempt.report)


@pytest.mark.parametrize("planned", [1, 2, 3])
def test_another_writer_while_we_write_is_a_conflict(
    planned: int, file: DotenvPlace, many_pairs: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even one that comes while the new file is already staged."""
    before = os.fsync
    calls: list[int] = []

    def meddle(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == planned:
            file.put(fields(3))
        before(descriptor)

    attempt = rotation(file, many_pairs)
    monkeypatch.setattr(os, "fsync", meddle)
    with pytest.raises(Conflict):
        attempt.rotate(bring(2))
    assert (file.get(), file.leftovers()) == (fields(3), [])
    assert attempt.report.current == (file.version(), pair(3).fingerprint)


def test_a_login_that_is_gone_half_way_is_no_reason_to_stop(
    many_pairs: Simulator, request: Any, lead: Lead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that wrote is still good for reading back."""
    place = place_of("kv2", request)
    lead(place.variables())

    def log_out(step: Step) -> None:
        if step.step == "write":
            monkeypatch.delenv("VAULT_TOKEN")

    rotation(place, many_pairs, tell=log_out).rotate(bring(2))
    assert place.get() == fields(2)


def test_a_login_that_works_only_once_is_enough(many_pairs: Simulator, request: Any, lead: Lead) -> None:
    """As a secret id for one use does, which an orchestrator hands out."""
    place = place_of("kv2", request)
    assert isinstance(place, KvPlace)
    everything = place.openbao.policy("everything", f'path "{place.mount}/*" {{ capabilities = ["read", "update"] }}')
    role, secret = place.openbao.approle([everything], secret_id_num_uses=1)
    lead({"VAULT_ADDR": place.upstream, "VAULT_ROLE_ID": role, "VAULT_SECRET_ID": secret})
    place.url += "?auth=approle"
    rotation(place, many_pairs).rotate(bring(2))
    assert place.get() == fields(2)


def test_a_login_that_is_revoked_half_way_is_code_9(many_pairs: Simulator, request: Any, lead: Lead) -> None:
    """Nothing can be read any more, and readers may see a pair that was not confirmed."""
    place = place_of("kv2", request)
    assert isinstance(place, KvPlace)
    token = place.openbao.token(["root"])
    lead({**place.variables(), "VAULT_TOKEN": token})

    def revoke(step: Step) -> None:
        if step.step == "write":
            place.openbao.revoke(token)

    attempt = rotation(place, many_pairs, tell=revoke)
    with pytest.raises(RollbackFailed):
        attempt.rotate(bring(2))
    assert (attempt.report.outcome, place.get()) == ("rollback-failed", fields(2))
