"""What the tests of tokens share: a Daraja, a store, clocks that are moved by hand, and clients of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mpesa_secrets.client import Mpesa
from mpesa_secrets.clocks import CLOCKS, Clocks
from mpesa_secrets.settings import Settings
from mpesa_secrets.simulator import Simulator
from tests.daraja_client import KEY, SECRET
from tests.servers.loopback import Answer, Request
from tests.shelf import Shelf, install

T = TypeVar("T")
TIMEOUT = 1.5
SLACK = 0.75  # seconds that a busy machine may add to the grace


class HandClocks:
    """Two clocks that stand still until they are moved."""

    def __init__(self) -> None:
        self.monotonic = 1000.0
        self.wall = time.time()
        self.clocks = Clocks(lambda: self.monotonic, lambda: self.wall)

    def tick(self, seconds: float) -> None:
        """Let time pass on both."""
        self.monotonic += seconds
        self.wall += seconds


class Client:
    """Makes clients of one Daraja and one store."""

    def __init__(self, daraja: Simulator, shelf: Shelf) -> None:
        self._defaults: dict[str, Any] = {"url": shelf.url, "base_url": daraja.base_url, "timeout": TIMEOUT}

    def __call__(self, *, clocks: Clocks = CLOCKS, **settings: Any) -> Mpesa:
        return Mpesa(Settings(**{**self._defaults, **settings}), clocks=clocks)


class Always:
    """For a LoopbackServer: the same answer to every request, and the requests."""

    def __init__(self, status: int = 200, body: bytes = b"{}") -> None:
        self.requests: list[Request] = []
        self._answer = Answer(status, body)

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        return self._answer


@pytest.fixture
def daraja() -> Iterator[Simulator]:
    """A Daraja that knows the pair of the tests; the last token wins."""
    with Simulator(KEY, SECRET) as running:
        yield running


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """A third party's store that holds the pair."""
    install(tmp_path, monkeypatch)
    return Shelf(tmp_path.name.replace("_", "-"), KEY, SECRET)


@pytest.fixture
def client(daraja: Simulator, shelf: Shelf) -> Client:
    """Makes clients; settings and clocks as arguments."""
    return Client(daraja, shelf)


@pytest.fixture
def hand() -> HandClocks:
    """Clocks that are moved by hand."""
    return HandClocks()


def eventually(condition: Callable[[], T], seconds: float = 8.0) -> T:
    """Wait until something that others do is done, and return what the condition says."""
    end = time.monotonic() + seconds
    while not (outcome := condition()) and time.monotonic() < end:
        time.sleep(0.005)
    assert outcome
    return outcome


def landed() -> bool:
    """Whether no call of ours is under way in a thread."""
    return not any(thread.name == "mpesa-secrets" for thread in threading.enumerate())
