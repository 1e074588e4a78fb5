"""Any program: its pair is in its environment, and it knows nothing of stores."""

from __future__ import annotations

import os
import signal
import sys

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(f"process {os.getpid()} has a key of {len(os.environ['MPESA_CONSUMER_KEY'])} characters", flush=True)
while True:
    signal.pause()
