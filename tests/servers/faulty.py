"""An HTTP proxy before OpenBao or moto that fails when it is told to, and remembers what was asked."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable

from tests.servers.loopback import Answer, LoopbackServer, Request, forward

FAULTS = re.compile(r"drop-before|drop-after|corrupt|slow|(hang|\d{3})(-after)?")
AWS_ERRORS = {400: "InvalidRequestException", 403: "AccessDeniedException", 404: "ResourceNotFoundException"}


class FaultyProxy(LoopbackServer):
    """Forwards to `upstream` (an http:// URL) whatever no fault is planned for. Faults:

    - `drop-before`, `drop-after`: closes the connection, without or after forwarding;
    - `500`, `503`, `403`, any status: answers so without forwarding; `500-after` and so on: after forwarding;
    - `corrupt`: forwards and garbles the body of the answer;
    - `slow`: waits `seconds`, then forwards;
    - `hang`, `hang-after`: no answer until `clear()` or `close()`, without or after forwarding.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.requests: list[Request] = []
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        super().__init__(self._answer)

    def fail(self, n: int, fault: str, seconds: float = 1.0) -> None:
        """Plans a fault for the nth request from now on; 1 is the next."""
        number = len(self.requests) + n
        self._plan(_Rule(lambda request: self.requests.index(request) + 1 == number, fault, seconds, 1))

    def fail_when(
        self, applies: Callable[[Request], bool], fault: str, times: int | None = None, seconds: float = 1.0
    ) -> None:
        """Plans a fault for the requests that `applies` picks, the first `times` of them or all."""
        self._plan(_Rule(applies, fault, seconds, times))

    def fail_all(self, fault: str, seconds: float = 1.0) -> None:
        """Plans a fault for every request from now on."""
        self.fail_when(lambda _: True, fault, seconds=seconds)

    def clear(self) -> None:
        """Forgets requests and faults, and drops what hangs."""
        with self._lock:
            self.requests.clear()
            self._rules.clear()
            self._released.set()
            self._released = threading.Event()

    def close(self) -> None:
        """Stops listening and drops what hangs."""
        super().close()
        self.clear()

    def _plan(self, rule: _Rule) -> None:
        if not FAULTS.fullmatch(rule.fault):
            raise ValueError(f"no such fault: {rule.fault}")
        with self._lock:
            self._rules.append(rule)

    def _answer(self, request: Request) -> Answer | None:
        with self._lock:
            self.requests.append(request)
            rule = next((rule for rule in self._rules if rule.takes(request)), None)
            released = self._released
        if rule is None:
            return forward(request, self.upstream)
        return self._failed(request, rule, released)

    def _failed(self, request: Request, rule: _Rule, released: threading.Event) -> Answer | None:
        fault = rule.fault.removesuffix("-after")
        if fault == "slow":
            time.sleep(rule.seconds)
        if rule.fault.endswith("-after"):
            forward(request, self.upstream)
        if fault == "hang":
            released.wait()
        if fault in ("slow", "corrupt"):
            answer = forward(request, self.upstream)
            return answer if fault == "slow" else answer._replace(body=_garbled(answer.body))
        return _refusal(int(fault)) if fault.isdigit() else None


class _Rule:
    """A fault, the requests it is for, and how many of them are still to fail (None: all)."""

    def __init__(self, applies: Callable[[Request], bool], fault: str, seconds: float, times: int | None) -> None:
        self.applies = applies
        self.fault = fault
        self.seconds = seconds
        self.times = times

    def takes(self, request: Request) -> bool:
        if self.times == 0 or not self.applies(request):
            return False
        if self.times is not None:
            self.times -= 1
        return True


def _garbled(body: bytes) -> bytes:
    return body[: len(body) // 2] + b"\xff\xfe{"


def _refusal(status: int) -> Answer:
    """An error in the shapes of both AWS and Vault, each of which passes over the other's."""
    kind = AWS_ERRORS.get(status, "InternalServiceError")
    text = "permission denied" if status == 403 else "a planned fault"
    return Answer(status, json.dumps({"__type": kind, "message": text, "errors": [text]}).encode())
