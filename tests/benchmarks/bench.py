"""`make bench`: ratios within one run against the straightforward script, as a Markdown table.

Exit code 1 if a bound on instructions, memory or requests is broken. Times are shown, and only warned about.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.benchmarks import measuring
from tests.benchmarks.rows import Bench, Row
from tests.benchmarks.scene import scene

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- figures: make bench BENCH=--write -->", "<!-- end of figures -->"
HEAD = "| what / against what | unit | figure | bound | |\n|---|---|---|---|---|\n"


def main() -> int:
    """Measure; returns the exit code."""
    options = _options()
    for line in _missing(options.mpesakit):
        print(f"bench: {line}", file=sys.stderr)
    rows = []
    for row in _measured(options):
        rows.append(row)
        print(_line(row), file=sys.stderr, flush=True)
    text = HEAD + "".join(f"{_line(row)}\n" for row in rows) + f"\n{_machine()}\n"
    print(text)
    if options.write:
        _write(text)
    return 1 if any(row.firm and not row.ok for row in rows) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="an environment as users have it")
    parser.add_argument("--mpesakit", type=Path, help="an environment with mpesakit, to compare with")
    parser.add_argument("--only", default="", help="rows whose name holds this")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    return parser.parse_args()


def _missing(mpesakit: Path | None) -> Iterator[str]:
    if not measuring.counts_instructions():
        yield "valgrind is not installed: no instructions are counted"
    if mpesakit is None or not mpesakit.exists():
        yield "mpesakit is not installed: no comparison with it"


def _measured(options: argparse.Namespace) -> Iterable[Row]:
    mpesakit = options.mpesakit.absolute() if options.mpesakit and options.mpesakit.exists() else None
    with tempfile.TemporaryDirectory() as name, scene(Path(name)) as servers:
        # Not resolve(): the link is what makes it the environment's interpreter.
        bench = Bench(servers, options.python.absolute(), mpesakit, Path(name))
        for what, measure in bench.rows().items():
            if options.only in what:
                yield from measure()


def _line(row: Row) -> str:
    verdict = "ok" if row.ok else "BROKEN" if row.firm else "slower than it should be"
    figure = f"{row.figure:.3f}" if row.figure % 1 else f"{row.figure:.0f}"
    return f"| {row.what} | {row.unit} | {figure} | {row.bound:g} | {verdict} |"


def _machine() -> str:
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}."


def _write(text: str) -> None:
    page = PAGE.read_text() if PAGE.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    between = re.compile(f"(?<={re.escape(BEGIN)}\n).*?(?={re.escape(END)})", re.DOTALL)
    PAGE.write_text(between.sub(lambda _: text, page))


if __name__ == "__main__":
    sys.exit(main())
