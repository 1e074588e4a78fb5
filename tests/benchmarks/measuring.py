"""How long, how many instructions, how much memory: figures of whole processes."""

from __future__ import annotations

import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

# A fixed order of hashes, so that counts can be compared; and time enough for a process that valgrind holds back.
_FIXED = {"PYTHONHASHSEED": "0", "MPESA_TIMEOUT": "300"}
_PEAK = """
import re, runpy, sys
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
print(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
"""


class Process(NamedTuple):
    """What to run: the interpreter, its arguments, and variables beside PATH and HOME."""

    python: Path
    arguments: tuple[str, ...]
    variables: Mapping[str, str]
    directory: Path

    def run(self, *before: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end, by the program `before`, if any; RuntimeError if it fails."""
        kept = {"PATH": os.environ["PATH"], "HOME": str(self.directory)}
        done = subprocess.run(
            [*before, str(self.python), *self.arguments], env={**kept, **_FIXED, **self.variables},
            cwd=self.directory, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{self.arguments} ended with {done.returncode}:\n{done.stderr[-2000:]}")
        return done

    def printed(self) -> float:
        """The number that it prints last."""
        return float(self.run().stdout.split()[-1])

    def seconds(self) -> float:
        """How long it takes, from its start to its end."""
        start = time.perf_counter()
        self.run()
        return time.perf_counter() - start

    def instructions(self) -> int:
        """How many instructions it takes, whatever the machine's mood."""
        done = self.run("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
        found = re.search(r"Collected : (\d+)", done.stderr)
        assert found is not None, done.stderr
        return int(found[1])

    def telling_its_peak(self) -> Process:
        """The same, printing the most memory that it held, in KiB. (ru_maxrss is its parent's, if that held more.)"""
        return self._replace(arguments=("-c", _PEAK, *self.arguments))


def counts_instructions() -> bool:
    """Whether valgrind is there."""
    return shutil.which("valgrind") is not None


def knows_memory() -> bool:
    """Whether the kernel tells a process its peak."""
    return sys.platform == "linux"


def ratio_of_times(ours: Process, theirs: Process, rounds: int) -> float:
    """Medians of whole runs, in turns: what disturbs the machine disturbs both."""
    pairs = [(ours.seconds(), theirs.seconds()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs) / statistics.median(pair[1] for pair in pairs)


def ratio_of_prints(ours: Process, theirs: Process, rounds: int) -> float:
    """The same of the figures that they print."""
    pairs = [(ours.printed(), theirs.printed()) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs) / statistics.median(pair[1] for pair in pairs)
