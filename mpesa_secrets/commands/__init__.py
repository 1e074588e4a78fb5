"""The command line: one module for each command, imported when it is called."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run `mpesa-secrets` and exit with its code."""
    try:
        sys.exit(_run())
    except KeyboardInterrupt:  # while modules were still being imported
        sys.stderr.write("mpesa-secrets: interrupted\n")
        sys.exit(130)


def _run() -> int:
    if sys.argv[1:3] == ["exec", "--"] and sys.argv[3:]:
        # Half of the time that a start takes is click's, and here nothing is left for it to parse.
        from mpesa_secrets.commands.becoming import become
        from mpesa_secrets.settings import Settings

        return become(sys.argv[3:], Settings)
    from mpesa_secrets.commands.program import run

    return run(sys.argv[1:])
