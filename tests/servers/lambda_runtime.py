"""Lambda as a function sees it: the runtime API on loopback, and the real runtime client in a process of its own.

Source of the API: AWS's guide, "Using the Lambda runtime API for custom runtimes"; of SnapStart's part of it, the
client's own code (awslambdaric).
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.servers.loopback import Answer, LoopbackServer, Request

PREFIX = "/2018-06-01/runtime/"
NAME, REGION = "mpesa-test", "eu-west-1"
PATIENCE = 30.0  # seconds for one answer of the function
RUNTIME = (sys.executable, "-m", "awslambdaric")


class Outcome(NamedTuple):
    """What the function said: `kind` is response, error, init/error or restore/error."""

    kind: str
    body: Any


class LambdaRuntime:
    """One instance of a function; its process starts with `start` and ends with the `with` block.

    Args:
        directory: where the log goes.
        timeout: seconds that the function tells its code it has for an invocation.

    Attributes:
        requests: the paths that the runtime client asked for, in order.
    """

    def __init__(self, directory: Path, timeout: float = 30.0) -> None:
        self.requests: list[str] = []
        self._timeout = timeout
        self._log = directory / f"lambda-{uuid.uuid4()}.log"
        self._events: queue.Queue[object] = queue.Queue()
        self._restored: queue.Queue[None] = queue.Queue()
        self._outcomes: queue.Queue[Outcome] = queue.Queue()
        self._server = LoopbackServer(self._answer)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._server.close()

    @property
    def environment(self) -> dict[str, str]:
        """What Lambda sets for every function, as far as it matters here; there is no HOME."""
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_LAMBDA_RUNTIME_API": self._server.url.removeprefix("http://"),
            "AWS_LAMBDA_FUNCTION_NAME": NAME,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "ASIAFAKEFAKEFAKEFAKE",
            "AWS_SECRET_ACCESS_KEY": "fake-secret-access-key-of-the-function",
            "AWS_SESSION_TOKEN": "session-token-of-the-function",
        }

    def start(
        self,
        handler: str,
        variables: Mapping[str, str],
        *,
        directory: Path,
        runtime: Sequence[str] = RUNTIME,
    ) -> None:
        """Starts the function, whose code is in `directory`, with further variables."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*runtime, handler], env={**self.environment, **variables}, cwd=directory,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def invoke(self, event: object) -> Outcome:
        """Sends one event and waits for what comes of it."""
        self._events.put(event)
        return self.outcome()

    def restore(self) -> None:
        """Lets a SnapStart function go on that has told that its init is over."""
        self._restored.put(None)

    def outcome(self) -> Outcome:
        """The next thing that the function says; RuntimeError with its log if it ends or keeps silent."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                return self._outcomes.get(timeout=0.1)
            except queue.Empty:
                if self.exit_code is not None and self._outcomes.empty():
                    break
        raise RuntimeError(f"the function said nothing, exit code {self.exit_code}:\n{self.log}")

    def wait_until_ready(self) -> None:
        """Returns when init is over: the function asks for an event, or to be snapshotted."""
        deadline = time.monotonic() + PATIENCE
        while not any(path.endswith("/next") for path in self.requests):
            if self.exit_code is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the function did not start, exit code {self.exit_code}:\n{self.log}")
            time.sleep(0.02)

    def terminate(self) -> int:
        """Ends it with SIGTERM; returns its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Waits for the end of a function that ends by itself; returns its exit code."""
        assert self._process is not None
        return self._process.wait(PATIENCE)

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll() if self._process else None

    @property
    def log(self) -> str:
        """All that it wrote to stdout and stderr."""
        return self._log.read_text()

    def _answer(self, request: Request) -> Answer | None:
        path = request.path.removeprefix(PREFIX)
        self.requests.append(path)
        if path == "invocation/next":
            return self._next()
        if path == "restore/next":
            self._restored.get()
            return Answer(200)
        kind = path if path in {"init/error", "restore/error"} else path.rpartition("/")[2]
        self._outcomes.put(Outcome(kind, json.loads(request.body)))
        return Answer(202, b'{"status":"OK"}')

    def _next(self) -> Answer:
        event = self._events.get()
        headers = (
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", str(uuid.uuid4())),
            ("Lambda-Runtime-Deadline-Ms", str(int((time.time() + self._timeout) * 1000))),
            ("Lambda-Runtime-Invoked-Function-Arn", f"arn:aws:lambda:{REGION}:123456789012:function:{NAME}"),
        )
        return Answer(200, json.dumps(event).encode(), headers)
