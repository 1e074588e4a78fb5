"""What is measured, against what, and within which bounds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks import functions, measuring
from tests.benchmarks.functions import Function
from tests.benchmarks.measuring import Process
from tests.benchmarks.scene import LATENCY, Scene, Variables

ROUNDS = 7
CALLS = 200_000
COUNTED_CALLS = 20_000  # enough where nothing disturbs
SCRIPTS = Path(__file__).parent / "scripts"
HANDLER = Path(__file__).parents[2] / "lambda"


class Row(NamedTuple):
    """One figure.

    Attributes:
        what: what was measured, and against what.
        unit: what the figure is a ratio of, or counts.
        figure: measured.
        bound: the most that it may be.
        firm: whether more is a failure; times depend on the machine's mood, and are only warned about.
    """

    what: str
    unit: str
    figure: float
    bound: float
    firm: bool

    @property
    def ok(self) -> bool:
        """Whether the bound is kept."""
        return self.figure <= self.bound


class Bench:
    """Makes the rows, one after the other."""

    def __init__(self, scene: Scene, python: Path, mpesakit: Path | None, directory: Path) -> None:
        self._scene = scene
        self._python = python
        self._mpesakit = mpesakit
        self._directory = directory

    def rows(self) -> dict[str, Callable[[], Iterator[Row]]]:
        """Every measurement by its name; further ones are put here."""
        scene = self._scene
        plain = self._script(scene.environment, "plain_environment.py")
        ours = self._script(scene.environment, "ours.py")
        aws = self._script(scene.aws, "plain_aws.py")
        rows: dict[str, Callable[[], Iterator[Row]]] = {
            "`import mpesa_secrets` / bare interpreter": lambda: self._cold(
                self._process({}, "-c", "import mpesa_secrets"), self._process({}, "-c", "pass"), 2.0),
            "token from the environment / requests": lambda: self._cold(ours, plain, 1.10),
            "token from Vault / hvac + requests": lambda: self._cold(
                self._script(scene.openbao, "ours.py"), self._script(scene.openbao, "plain_vault.py"), 1.08),
            "token from AWS, API / boto3 + requests": lambda: self._cold(
                self._script(scene.aws, "ours.py"), aws, 0.97),
            "token from AWS, Lambda extension / boto3 + requests": lambda: self._cold(
                self._script(scene.extension, "ours.py"), aws, 0.48),
            "command `token` / requests": lambda: self._cold(
                self._process(scene.environment, str(self._python.parent / "mpesa-secrets"), "token"), plain, 1.25),
            "`exec -- true` / click and execve": lambda: self._cold(
                self._script(scene.environment, "exec_ours.py"), self._script({}, "exec_plain.py"), 1.15),
            "Lambda init and first call, extension / boto3 + requests": lambda: self._function(0.50),
            "memory with a token from the environment / requests": lambda: self._memory(ours, plain, 1.15),
            "warm `token()`, 1 thread / tuple and clock": lambda: self._warm(1, 2.0),
            "warm `token()`, 8 threads / tuple and clock": lambda: self._warm(8, 2.0),
            "warm `token_async()` / tuple and clock": lambda: self._warm(0, 2.0),
            "64 threads ask for the first token": lambda: self._herd("threads", 64),
            "1000 tasks ask for the first token": lambda: self._herd("tasks", 1000),
        }  # fmt: skip
        if self._mpesakit is not None:
            peer = self._script(scene.environment, "peer_mpesakit.py")._replace(python=self._mpesakit)
            rows["token from the environment / mpesakit"] = lambda: self._cold(ours, peer, 0.34)
        return {name: _named(name, measure) for name, measure in rows.items()}

    def _process(self, variables: Variables, *arguments: str) -> Process:
        return Process(self._python, arguments, variables, self._directory)

    def _script(self, variables: Variables, name: str, *arguments: str) -> Process:
        return self._process(variables, str(SCRIPTS / name), *arguments)

    def _cold(self, ours: Process, theirs: Process, bound: float) -> Iterator[Row]:
        """Whole processes; the first run of each leaves the byte code behind."""
        ours.run()
        theirs.run()
        if measuring.counts_instructions():
            yield Row("", "instructions", ours.instructions() / theirs.instructions(), bound, True)
        yield Row("", "time", measuring.ratio_of_times(ours, theirs, ROUNDS), bound, False)

    def _function(self, bound: float) -> Iterator[Row]:
        ours = Function(self._python, HANDLER, self._scene.extension, self._directory)
        theirs = ours._replace(code=SCRIPTS / "plain_lambda", variables=self._scene.aws)
        ours.seconds()
        theirs.seconds()
        if measuring.counts_instructions():
            yield Row("", "instructions", ours.instructions() / theirs.instructions(), bound, True)
        yield Row("", "time", functions.ratio_of_times(ours, theirs, ROUNDS), bound, False)

    def _memory(self, ours: Process, theirs: Process, bound: float) -> Iterator[Row]:
        if measuring.knows_memory():
            sides = ours.telling_its_peak(), theirs.telling_its_peak()
            yield Row("", "memory", measuring.ratio_of_prints(*sides, 3), bound, True)

    def _warm(self, threads: int, bound: float) -> Iterator[Row]:
        if measuring.counts_instructions() and threads < 2:
            yield Row("", "instructions", self._loop("ours", threads) / self._loop("floor", threads), bound, True)
        ours, floor = (self._warm_script(kind, CALLS, threads) for kind in ("ours", "floor"))
        yield Row("", "time", measuring.ratio_of_prints(ours, floor, ROUNDS), bound, False)

    def _warm_script(self, kind: str, calls: int, threads: int) -> Process:
        return self._script(self._scene.environment, "warm.py", kind, str(calls), str(threads))

    def _loop(self, kind: str, threads: int) -> int:
        """The instructions of so many calls, without those of the process around them."""
        whole, around = (self._warm_script(kind, calls, threads).instructions() for calls in (COUNTED_CALLS, 0))
        return whole - around

    def _herd(self, kind: str, number: int) -> Iterator[Row]:
        slow = self._scene.slow
        before = slow.token_requests()
        seconds = self._script(slow.variables, "herd.py", kind, str(number)).printed()
        yield Row("", "token requests", slow.token_requests() - before, 1, True)
        yield Row("", "latencies until all have it", seconds / LATENCY, 1.1, False)


def _named(name: str, measure: Callable[[], Iterator[Row]]) -> Callable[[], Iterator[Row]]:
    return lambda: (row._replace(what=name) for row in measure())
