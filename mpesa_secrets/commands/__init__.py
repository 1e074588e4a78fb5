"""The command line: one module for each command, imported when it is called."""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run `mpesa-secrets` and exit with its code."""
    from mpesa_secrets.commands.program import run

    sys.exit(run(sys.argv[1:]))
