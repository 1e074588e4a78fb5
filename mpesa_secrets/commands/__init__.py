"""The command line: one module for each command, imported when it is called."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run `mpesa-secrets` and exit with its code."""
    if sys.argv[1:3] == ["exec", "--"] and sys.argv[3:]:
        # Half of the time that a start takes is click's, and here nothing is left for it to parse.
        from mpesa_secrets.commands.becoming import become
        from mpesa_secrets.settings import Settings

        sys.exit(become(sys.argv[3:], Settings))
    from mpesa_secrets.commands.program import run

    sys.exit(run(sys.argv[1:]))
