"""A Lambda function's init and first invocation, under the real runtime client."""

from __future__ import annotations

import re
import statistics
import time
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.scene import Variables
from tests.servers.lambda_runtime import LambdaRuntime

_VALGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
_PATIENCE = 300.0  # seconds, for a process that valgrind holds back


class Function(NamedTuple):
    """A handler: the interpreter, the folder of its handler.py, and its variables."""

    python: Path
    code: Path
    variables: Variables
    directory: Path

    def seconds(self) -> float:
        """From the start of the runtime to the first answer."""
        start = time.perf_counter()
        with LambdaRuntime(self.directory, _PATIENCE) as runtime:
            self._answer(runtime)
            return time.perf_counter() - start

    def instructions(self) -> int:
        """Of the same."""
        with LambdaRuntime(self.directory, _PATIENCE) as runtime:
            self._answer(runtime, *_VALGRIND)
            runtime.terminate()
            found = re.search(r"Collected : (\d+)", runtime.log)
            assert found is not None, runtime.log
            return int(found[1])

    def _answer(self, runtime: LambdaRuntime, *before: str) -> None:
        command = (*before, str(self.python), "-m", "awslambdaric")
        variables = {**self.variables, "PYTHONHASHSEED": "0", "MPESA_TIMEOUT": "200"}
        runtime.start("handler.handler", variables, directory=self.code, runtime=command)
        outcome = runtime.invoke({"Amount": 1})
        if outcome.kind != "response":
            raise RuntimeError(f"{self.code} ended with {outcome.kind}:\n{runtime.log[-2000:]}")


def ratio_of_times(ours: Function, theirs: Function, rounds: int) -> float:
    """Medians, in turns."""
    pairs = [(ours.seconds(), theirs.seconds()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs) / statistics.median(pair[1] for pair in pairs)
