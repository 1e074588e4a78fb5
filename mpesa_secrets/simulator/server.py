"""The simulated Daraja as a server on loopback, in a thread of its own."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

from mpesa_secrets.simulator import control
from mpesa_secrets.simulator.daraja import Daraja, basic_pair
from mpesa_secrets.simulator.faults import Exchange, Planned
from mpesa_secrets.simulator.listener import Listener
from mpesa_secrets.simulator.wire import Reply, Request

DEMO_PAIR = (
    "DemoConsumerKeyOfTheSimulator0123456789abcdefABC",
    "DemoConsumerSecretOfTheSimulatorNeverUseItElsewhere0123456789abc",
)
ENDPOINT = "/oauth/v1/generate"


class TokenRequest(NamedTuple):
    """A request at the token endpoint: unix seconds, and what was answered (status 0: no answer)."""

    time: float
    method: str
    consumer_key: str
    status: int
    fault: str | None


class BusinessRequest(NamedTuple):
    """A request anywhere else: unix seconds, and what was answered (status 0: no answer)."""

    time: float
    path: str
    status: int


class Simulator:
    """A local Daraja: token endpoint, business APIs that ask for the token, and faults on request.

    `port` 0 takes a free one, and keeps it over stop() and start(). `lifetime` is in whole seconds; `latency`
    is the seconds between the service's decision and its answer, and may be changed at any time. `method` is
    what the token endpoint takes ("GET", "POST" or "ANY"), `refusal` the fault whose answer a wrong pair
    gets; `integer_lifetime` sends expires_in as a number, `tls` serves https with that context, `clock` gives
    unix seconds. Raises ValueError for settings that do not exist.
    """

    def __init__(
        self,
        consumer_key: str = DEMO_PAIR[0],
        consumer_secret: str = DEMO_PAIR[1],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        lifetime: int = 3599,
        latency: float = 0.0,
        last_token_wins: bool = True,
        method: str = "GET",
        refusal: str = "empty-400",
        integer_lifetime: bool = False,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.consumer_key = consumer_key
        self.consumer_secret = consumer_secret
        self.latency = latency
        self._address = (host, port)
        self._tls = tls
        self._clock = clock
        self._lock = threading.Lock()
        self._planned: list[Planned] = []
        self._token_requests: list[TokenRequest] = []
        self._business_requests: list[BusinessRequest] = []
        self._listener = Listener(self._answer, tls)
        self._daraja = Daraja(
            lifetime=lifetime,
            last_token_wins=last_token_wins,
            method=method,
            refusal=refusal,
            integer_lifetime=integer_lifetime,
            clock=clock,
        )
        self._daraja.accept(consumer_key, consumer_secret)

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> Simulator:
        """Listen, in the background. Raises OSError if the port is taken."""
        self._address = self._listener.start(*self._address)
        return self

    def stop(self) -> None:
        """End every connection, hanging ones too, and stop listening."""
        self._listener.stop()

    @property
    def base_url(self) -> str:
        """Scheme, host and port; known once the simulator has been started (with a fixed port, before)."""
        host, port = self._address
        return f"{'https' if self._tls else 'http'}://{host}:{port}"

    @property
    def token_requests(self) -> list[TokenRequest]:
        """What has come in at the token endpoint, in order; noted before the answer goes out."""
        with self._lock:
            return list(self._token_requests)

    @property
    def business_requests(self) -> list[BusinessRequest]:
        """What has come in at any other path, in order."""
        with self._lock:
            return list(self._business_requests)

    def accept(self, consumer_key: str, consumer_secret: str) -> None:
        """Accept one more pair: an app of its own, with a token of its own."""
        with self._lock:
            self._daraja.accept(consumer_key, consumer_secret)

    def revoke(self, consumer_key: str) -> None:
        """Remove the app in the portal: its pair is refused, its tokens are dead. Unknown keys are fine."""
        with self._lock:
            self._daraja.revoke(consumer_key)

    def is_current(self, token_value: str) -> bool:
        """Whether a business API would take this token now."""
        with self._lock:
            return self._daraja.is_current(token_value)

    def expire_tokens(self) -> None:
        """End every token that is out, on the server's side only."""
        with self._lock:
            self._daraja.expire_tokens()

    def fail(
        self,
        fault: str,
        times: int | None = 1,
        *,
        path: str | None = None,
        issue: bool = False,
        **options: object,
    ) -> None:
        """Queue a fault for the next `times` token requests (None: until clear()).

        With `path` it is for requests whose path begins so. `issue` lets the service do its work first (a
        token is issued, the one before dies) and spoils the answer only. Raises ValueError for an unknown
        fault or option.
        """
        planned = Planned(fault, times, path or ENDPOINT, issue=issue, options=options)
        with self._lock:
            self._planned.append(planned)

    def clear(self) -> None:
        """Forget the faults that are queued."""
        with self._lock:
            self._planned.clear()

    def stats(self) -> dict[str, int]:
        """Counts since the start; `refused` are pairs and tokens that the rules refused, not faults."""
        with self._lock:
            pairs, tokens = self._daraja.refused_pairs, self._daraja.refused_tokens
            return {
                "token_requests": len(self._token_requests),
                "business_requests": len(self._business_requests),
                "refused": pairs + tokens,
                "refused_pairs": pairs,
                "refused_tokens": tokens,
            }

    def _answer(self, request: Request) -> Reply:
        if request.path.startswith(control.PREFIX):
            return control.answer(self, request)
        with self._lock:
            reply = self._decide(request)
        return replace(reply, delay=reply.delay + self.latency) if self.latency else reply

    def _decide(self, request: Request) -> Reply:
        planned = self._next_planned(request.path)
        pair = basic_pair(request) or ""
        healthy = partial(self._healthy, request)
        exchange = Exchange(request, pair, healthy, partial(self._daraja.token_again, request))
        reply = planned.reply(exchange) if planned else healthy()
        self._note(request, pair.partition(":")[0], reply.status, planned.name if planned else None)
        return reply

    def _healthy(self, request: Request) -> Reply:
        if request.path == ENDPOINT:
            return self._daraja.token(request)
        return self._daraja.business(request)

    def _next_planned(self, path: str) -> Planned | None:
        planned = next((fault for fault in self._planned if path.startswith(fault.path)), None)
        if planned and planned.times is not None:
            planned.times -= 1
            if planned.times <= 0:
                self._planned.remove(planned)
        return planned

    def _note(self, request: Request, consumer_key: str, status: int, fault: str | None) -> None:
        now = self._clock()
        if request.path == ENDPOINT:
            self._token_requests.append(TokenRequest(now, request.method, consumer_key, status, fault))
        else:
            self._business_requests.append(BusinessRequest(now, request.path, status))
