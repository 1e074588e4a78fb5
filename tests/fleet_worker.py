"""A process of an application, for the tests of fleets: says what becomes of one token, or of a refused one."""

from __future__ import annotations

import sys
import time

from mpesa_secrets import MpesaSecretsError, connect


def main() -> None:
    """Arguments: base URL, cache, time-out. Each line on stdin is a command: `token`, or `refused`."""
    base_url, cache, timeout = sys.argv[1:]
    mpesa = connect("env://", base_url=base_url, token_cache=cache, timeout=float(timeout))
    print("ready", flush=True)
    for line in sys.stdin:
        begun = time.monotonic()
        try:
            if line.strip() == "refused":
                mpesa.invalidate(mpesa.token())
            outcome = mpesa.token().value
        except MpesaSecretsError as error:
            outcome = type(error).__name__
        print(f"{outcome} {time.monotonic() - begun:.2f}", flush=True)


if __name__ == "__main__":
    main()
