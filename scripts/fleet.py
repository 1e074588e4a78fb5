"""Many processes, one application, one token: `make fleet`.

A simulated Daraja in which the last token wins, a store, a token cache, and as many processes as wanted, each of which
calls a business API all the time. Meanwhile tokens grow old, the pair is rotated, and processes are killed, most of
them while they are asking for a token. At the end: how many tokens were asked for, and what the callers noticed.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mpesa_secrets.simulator import Simulator
from scripts.fleet_worker import ANSWER_TIME, work

PAIRS = [("k" * 48, "s" * 64), ("K" * 48, "S" * 64)]
AT_A_TIME = 4
CACHES = ("file", "redis", "dynamodb", "private")


class Plan(NamedTuple):
    """What is to be simulated.

    Attributes:
        processes: how many.
        lifetimes: how long, in lifetimes of a token.
        lifetime: seconds that a token is good for.
        rate: calls of each process in a second.
        kills: processes that are killed and replaced.
        rotations: 1, or 0.
    """

    processes: int = 200
    lifetimes: int = 10
    lifetime: int = 18
    rate: float = 10.0
    kills: int = 5
    rotations: int = 1


class Outcome(NamedTuple):
    """What happened: token requests, calls, refused and repeated calls, calls that failed for the caller."""

    token_requests: int
    calls: int
    refused: int
    failed: int


class Fleet:
    """Processes that share a cache, or do not."""

    def __init__(self, plan: Plan, cache: str, directory: Path, daraja: Simulator) -> None:
        self._plan = plan
        self._cache = cache
        self._directory = directory
        self._daraja = daraja
        self._store = directory / "application.env"
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(
            ["scripts.fleet_worker", "mpesa_secrets.sharing", "requests", "redis", "botocore.session"]
        )
        self._processes: list[Any] = []
        self._store.write_text("MPESA_CONSUMER_KEY={}\nMPESA_CONSUMER_SECRET={}\n".format(*PAIRS[0]))

    def run(self) -> Outcome:
        """The whole plan."""
        plan, length = self._plan, self._plan.lifetimes * self._plan.lifetime
        events: list[tuple[float, Callable[[int], None], int]] = []
        events += [(length * (number + 0.5) / plan.kills, self._kill, number) for number in range(plan.kills)]
        events += [(length * 0.4, self._rotate, number) for number in range(plan.rotations)]
        try:
            self._start_all()
            before = self._seen()
            begun = time.monotonic()
            for moment, event, number in sorted(events, key=lambda event: event[0]):
                self._watch(begun + moment)
                event(number)
            self._watch(begun + length)
        finally:
            for process in self._processes:
                process.kill()
            for process in self._processes:
                process.join()
        return Outcome(*(now - then for now, then in zip(self._seen(), before, strict=True)))

    def _start_all(self) -> None:
        """A few at a time: two hundred machines have more processors than this one."""
        for number in range(self._plan.processes):
            self._start()
            while _lines(self._directory / "ready") <= number - AT_A_TIME:
                time.sleep(0.02)
        while _lines(self._directory / "ready") < self._plan.processes:
            time.sleep(0.1)

    def _start(self) -> None:
        url, base_url = f"env://{self._store}", self._daraja.base_url
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        arguments = (self._directory, url, base_url, self._cache, self._plan.rate, aws)
        process = self._context.Process(target=work, args=arguments)
        process.start()
        self._processes.append(process)

    def _watch(self, until: float) -> None:
        """Replace processes that were killed."""
        while (left := until - time.monotonic()) > 0:
            for process in [process for process in self._processes if not process.is_alive()]:
                self._processes.remove(process)
                self._start()
            time.sleep(min(0.2, left))

    def _kill(self, number: int) -> None:
        """Three of five die while they ask for a token, the others anywhere."""
        if number % 2 == 0:
            (self._directory / "doom").touch()
        else:
            random.choice(self._processes).kill()

    def _rotate(self, _number: int) -> None:
        """As an operator does it, with the program; then the old pair is taken back in the portal.

        Not in the moment of a refresh: a call is repeated once, and cannot survive losing two tokens in a row.
        """
        until = time.monotonic() + self._plan.lifetime
        while time.monotonic() < until and not 2.0 < time.time() - self._daraja.token_requests[-1].time < 5.0:
            time.sleep(0.1)
        self._daraja.accept(*PAIRS[1])
        command = [sys.executable, "-m", "mpesa_secrets", "rotate", "--from", "-", "--yes", "--url"]
        command += [f"env://{self._store}", "--base-url", self._daraja.base_url, "--token-cache", self._cache]
        pair = "MPESA_CONSUMER_KEY={}\nMPESA_CONSUMER_SECRET={}\n".format(*PAIRS[1])
        subprocess.run(command, input=pair, text=True, check=True, capture_output=True)
        self._daraja.revoke(PAIRS[0][0])

    def _seen(self) -> Outcome:
        seen, failed = self._daraja.stats(), _lines(self._directory / "failures")
        refused = seen["refused_tokens"]
        return Outcome(seen["token_requests"], seen["business_requests"] - refused, refused, failed)


def _lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


@contextlib.contextmanager
def opened(cache: str, directory: Path) -> Iterator[str]:
    """The URL of such a cache, with a server of its own behind it where it needs one."""
    if cache == "private":
        yield "memory://"
    elif cache == "file":
        yield f"file://{directory}/tokens"
    elif cache == "redis":
        from tests.servers.valkey import Valkey

        server = Valkey(directory)
        server.start()
        try:
            yield server.url
        finally:
            server.stop()
    else:
        from scripts.fleet_table import Table

        with Table() as table:
            os.environ.update(table.environment)
            yield "dynamodb://tokens"


def simulate(cache: str, plan: Plan) -> Outcome:
    """One fleet with one kind of cache."""
    with (
        tempfile.TemporaryDirectory() as name,
        opened(cache, Path(name)) as url,
        Simulator(*PAIRS[0], lifetime=plan.lifetime) as daraja,
    ):
        daraja.fail("slow", None, seconds=ANSWER_TIME)
        return Fleet(plan, url, Path(name), daraja).run()


def row(cache: str, plan: Plan, outcome: Outcome) -> str:
    """A line of the table."""
    allowed = plan.lifetimes + 2 * (plan.kills + plan.rotations)
    return (
        f"| {cache} | {outcome.token_requests} (at most {allowed}) | {outcome.calls} | {outcome.failed} "
        f"| {outcome.refused} ({100 * outcome.refused / max(1, outcome.calls + outcome.refused):.2f} %) |"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("caches", nargs="*", default=CACHES, choices=CACHES)
    for name, value in Plan()._asdict().items():
        parser.add_argument(f"--{name}", type=type(value), default=value)
    # Asyncio complains about the connections of processes that were killed.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    options = vars(parser.parse_args())
    caches = options.pop("caches")
    plan = Plan(**options)
    print(f"{plan.processes} processes, {plan.lifetimes} lifetimes of {plan.lifetime} s, {plan.rate:g} calls a second "
          f"each, {plan.rotations} rotation, {plan.kills} kills")  # fmt: skip
    print("| cache | token requests | calls | failed for the caller | refused and repeated |\n|---|---|---|---|---|")
    for cache in caches:
        print(row(cache, plan, simulate(cache, plan)), flush=True)


if __name__ == "__main__":
    main()
