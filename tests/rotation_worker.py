"""Rotates on demand: `python -m tests.rotation_worker` reads jobs, a JSON object on each line, and answers each."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mpesa_secrets.errors import MpesaSecretsError
from mpesa_secrets.rotation import NewPair, Rotation
from mpesa_secrets.settings import Settings
from tests.rotation_places import pair


class Ended(NamedTuple):
    """How one rotation ended: the pair's number, the outcome in the report, the exit code."""

    pair: int
    outcome: str
    code: int


class Workers:
    """Processes that stand ready, so that their rotations begin at the same moment."""

    def __init__(self, number: int, variables: Mapping[str, str]) -> None:
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.rotation_worker"],
                env={**os.environ, **variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(number)
        ]
        self._all(["ready"] * number)

    def race(self, url: str, base_url: str, pairs: Sequence[int], *, abreast: bool) -> list[Ended]:
        """One rotation in each process at once, each with its pair.

        `abreast` lets none go on before all have read the secret: a rotation that reads what the winner wrote, and
        replaces it, is no race but the next rotation.
        """
        job = {"url": url, "base_url": base_url, "abreast": abreast}
        answers = self._all([json.dumps({**job, "pair": number}) for number in pairs])
        if abreast:
            assert set(answers) == {"read\n"}, answers
            answers = self._all(["go"] * len(pairs))
        return [Ended(*json.loads(answer)) for answer in answers]

    def close(self) -> None:
        """End them."""
        for process in self._processes:
            process.communicate()

    def _all(self, lines: Sequence[str]) -> list[str]:
        for process, line in zip(self._processes, lines, strict=True):
            assert process.stdin is not None
            process.stdin.write(line + "\n")
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.flush()
        return [process.stdout.readline() for process in self._processes if process.stdout is not None]


@contextlib.contextmanager
def workers(number: int, variables: Mapping[str, str]) -> Iterator[Workers]:
    """So many processes that are ready, and end with the block."""
    ready = Workers(number, variables)
    try:
        yield ready
    finally:
        ready.close()


def winner(ended: Sequence[Ended]) -> int:
    """The pair of the one rotation that went through; AssertionError unless it is one, and the others say so."""
    won = [each for each in ended if each.outcome == "rotated"]
    assert len(won) == 1, ended
    assert won[0].code == 0
    for each in ended:
        late = each.outcome == "unchanged" and each.code == 0 and each.pair == won[0].pair
        assert each in won or late or (each.outcome, each.code) == ("conflict", 7), ended
    return won[0].pair


def _answer(job: Mapping[str, object]) -> Ended:
    attempt = Rotation(Settings(str(job["url"]), base_url=str(job["base_url"]), timeout=20))
    number = int(str(job["pair"]))

    def new_pair() -> NewPair:
        if job["abreast"]:
            print("read", flush=True)
            sys.stdin.readline()
        return NewPair(pair(number))

    try:
        return Ended(number, attempt.rotate(new_pair).outcome, 0)
    except MpesaSecretsError as error:
        return Ended(number, attempt.report.outcome, error.exit_code)


def _serve() -> None:
    # Not by iterating, which would read ahead.
    while line := sys.stdin.readline():
        print("ready" if line == "ready\n" else json.dumps(_answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    _serve()
