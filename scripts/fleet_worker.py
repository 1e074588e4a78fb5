"""One process of the application in the simulation of a fleet: it calls a business API all the time."""

from __future__ import annotations

import contextlib
import logging
import os
import random
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

BUSINESS = "/mpesa/b2c/v3/paymentrequest"
ANSWER_TIME = 0.3  # seconds that the simulated Daraja takes for a token


class Worker:
    """One process of the application."""

    def __init__(self, directory: Path, url: str, base_url: str, cache: str, rate: float) -> None:
        from mpesa_secrets.client import connect

        self._directory = directory
        self._rate = rate
        self._mpesa = connect(url, base_url=base_url, token_cache=cache)
        parts = urlsplit(base_url)
        self._address = parts.hostname or "", parts.port or 80
        self._connection = socket.create_connection(self._address, 30)

    def run(self) -> None:
        """Call, wait, call, until killed."""
        self._call()
        self._note("ready", "ready")
        due = time.monotonic()
        while True:
            self._call()
            due = max(due + random.uniform(0.5, 1.5) / self._rate, time.monotonic())
            time.sleep(max(0.0, due - time.monotonic()))

    def _call(self) -> None:
        try:
            token = self._mpesa.token()
            if self._status(token.header) == 200:
                return
            self._mpesa.invalidate(token)
            if self._status(self._mpesa.token().header) != 200:
                self._note("refused twice")
        except Exception as error:
            self._note(type(error).__name__)
            self._connection = socket.create_connection(self._address, 30)

    def _status(self, authorization: str) -> int:
        """A call of a business API; by hand, for the machine has to bear thousands in a second."""
        request = f"POST {BUSINESS} HTTP/1.1\r\nContent-Length: 2\r\nAuthorization: {authorization}\r\n\r\n{{}}"
        self._connection.sendall(request.encode())
        head, _, body = self._connection.recv(65536).partition(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        while len(body) < length:
            body += self._connection.recv(65536)
        return int(head[9:12])

    def _note(self, what: str, where: str = "failures") -> None:
        with (self._directory / where).open("a") as file:
            file.write(f"{time.time():.3f} {os.getpid()} {what}\n")


def work(directory: Path, url: str, base_url: str, cache: str, rate: float, environment: dict[str, str]) -> None:
    """What a process does."""
    os.environ.update(environment)
    logging.getLogger("mpesa_secrets").addHandler(logging.FileHandler(directory / "log"))
    _mortal(directory / "doom")
    Worker(directory, url, base_url, cache, rate).run()


def _mortal(doom: Path) -> None:
    """While the file is there, the next process that asks for a token is killed before it has the answer."""
    from mpesa_secrets.fetching import TokenFetcher

    fetch = TokenFetcher.fetch

    def perilous(fetcher: TokenFetcher, *arguments: Any) -> Any:
        with contextlib.suppress(FileNotFoundError):
            doom.unlink()
            threading.Timer(ANSWER_TIME / 2, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return fetch(fetcher, *arguments)

    TokenFetcher.fetch = perilous  # type: ignore[method-assign, assignment]  # the process that is to die
