"""A process that forks, at the worst of times."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from mpesa_secrets.client import Mpesa
from mpesa_secrets.simulator import Simulator
from tests.daraja_client import KEY, SECRET
from tests.shelf import together
from tests.token_fixtures import Client, eventually

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
PATIENCE = 15.0


def in_child(action: Callable[[], object]) -> int:
    """Fork; the descriptor from which `outcome` reads what the action gave in the child."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        return reader
    try:
        said = str(action())
    except BaseException as error:
        said = repr(error)
    os.write(writer, said.encode())
    os._exit(0)


def outcome(reader: int) -> str:
    """What the child said; fails if it hangs."""
    ready, _, _ = select.select([reader], [], [], PATIENCE)
    assert ready, "the child hangs"
    said = os.read(reader, 65536).decode()
    os.close(reader)
    return said


def value(mpesa: Mpesa) -> str:
    return mpesa.token().value


def test_child_has_the_token_of_its_parent(client: Client, daraja: Simulator) -> None:
    """As long as it is fresh: a second request would take it away from the parent."""
    mpesa = client()
    token = value(mpesa)
    assert outcome(in_child(lambda: value(mpesa))) == token
    assert len(daraja.token_requests) == 1


def test_child_of_a_fork_amid_a_request_gets_a_token_by_itself(client: Client, daraja: Simulator) -> None:
    """The thread that asks is not there in the child; the parent's goes on."""
    mpesa = client(timeout=5)
    daraja.fail("slow", seconds=0.7)
    got: list[str] = []
    thread = threading.Thread(target=lambda: got.append(value(mpesa)))
    thread.start()
    eventually(lambda: daraja.token_requests)
    said = outcome(in_child(lambda: value(mpesa)))
    thread.join()
    assert daraja.is_current(said)
    assert len(got[0]) == 28
    assert len(daraja.token_requests) == 2


def test_child_of_a_fork_amid_a_read_of_the_store_gets_a_token_by_itself(
    client: Client, daraja: Simulator, tmp_path: Path
) -> None:
    """The keeper's flights start over, too."""
    assert tmp_path
    mpesa = client(timeout=5)
    shelf = mpesa.store.store()
    shelf.delay = 0.7
    thread = threading.Thread(target=mpesa.credentials)
    thread.start()
    eventually(lambda: shelf.reads)
    said = outcome(in_child(lambda: value(mpesa)))
    thread.join()
    assert daraja.is_current(said)


def test_threads_of_a_child_share_one_request(client: Client, daraja: Simulator) -> None:
    """Single flight holds there as well."""
    mpesa = client(timeout=5)

    def many() -> int:
        return len({str(token.value) for token in together(64, mpesa.token)})  # type: ignore[attr-defined]

    assert outcome(in_child(many)) == "1"
    assert len(daraja.token_requests) == 1


def test_refresh_goes_on_in_a_child(client: Client, daraja: Simulator) -> None:
    """A token that is refused there is replaced there."""
    mpesa = client(timeout=5)
    old = mpesa.token()

    def replaced() -> str:
        mpesa.invalidate(old)
        return value(mpesa)

    assert daraja.is_current(outcome(in_child(replaced)))


def test_forks_amid_many_threads_never_hang(client: Client) -> None:
    """No lock is carried over as held."""
    with Simulator(KEY, SECRET, last_token_wins=False) as daraja:
        mpesa = client(timeout=5, base_url=daraja.base_url)
        done = threading.Event()

        def hammer() -> None:
            while not done.is_set():
                mpesa.invalidate(mpesa.token())

        threads = [threading.Thread(target=hammer) for _ in range(8)]
        for thread in threads:
            thread.start()
        said = [outcome(in_child(lambda: value(mpesa))) for _ in range(12)]
        done.set()
        for thread in threads:
            thread.join()
        assert all(daraja.is_current(one) for one in said), said


FORKS_AMID_IMPORTS = """
import os, sys, threading, time
from mpesa_secrets import connect
mpesa = connect(base_url=sys.argv[1], timeout=5)
threading.Thread(target=mpesa.token).start()
children = []
for _ in range(8):
    time.sleep(0.015)
    child = os.fork()
    if child == 0:
        mpesa.token()
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def test_fork_amid_the_first_imports_leaves_whole_modules(daraja: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of requests would be of no use to the child, ever."""
    monkeypatch.setenv("MPESA_CONSUMER_KEY", KEY)
    monkeypatch.setenv("MPESA_CONSUMER_SECRET", SECRET)
    program = [sys.executable, "-W", "ignore", "-c", FORKS_AMID_IMPORTS, daraja.base_url]
    ended = subprocess.run(
        program, cwd=Path(__file__).parents[1], timeout=60, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
