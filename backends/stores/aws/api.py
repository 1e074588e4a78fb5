"""AWS's API through botocore: each call bounded in time, each error one of ours.

Time: botocore's time-outs belong to a client, so there is one client for each power of two of seconds; it is chosen
so that connecting and one wait for an answer fit into what the caller has left. An answer that drips, a slow look-up
of the host name, or a login by way of other services may take longer: the caller's own bound holds those.
"""

from __future__ import annotations

import functools
import logging
import os
import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import ConfigurationError, MpesaSecretsError, StoreUnavailable
from mpesa_secrets.flights import importing

from .errors import translated

if TYPE_CHECKING:
    from botocore.session import Session

_ATTEMPTS = 3
_LONGEST_WAIT = 8.0
_SHORTEST_WAIT = 0.125


class AwsApi:
    """One AWS service, for use from many threads and after a fork; does no I/O before the first call.

    Args:
        service: botocore's name of it, such as `secretsmanager`.
        what: what is asked for, as errors shall name it.
        region: default: `AWS_REGION`, else what botocore finds.
        profile: a profile of the AWS configuration files; default: what botocore finds.
    """

    def __init__(self, service: str, what: str, region: str | None = None, profile: str | None = None) -> None:
        self._what = what
        self._new = functools.partial(_Clients, service, what, region, profile)
        self._clients: dict[int, _Clients] = {}

    def prepare(self, wait: float) -> None:
        """Make the client for `once` now: what takes a while should not be taken for AWS's slowness.

        Raises:
            ConfigurationError, AccessDenied, StoreUnavailable: as `call`.
        """
        self._own_clients().get(wait)

    def once(self, operation: str, wait: float, /, **parameters: object) -> dict[str, Any]:
        """Call one operation, and not again; raises what `call` raises.

        Args:
            operation: botocore's method.
            wait: seconds for connecting, and again for each wait for an answer; always the same, for each has a client.
            parameters: as botocore takes them.
        """
        return self._by(self._own_clients().get(wait), operation, dict, parameters)

    def call(
        self,
        operation: str,
        timeout: float,
        hidden: Callable[[], dict[str, object]] = dict,
        /,
        **parameters: object,
    ) -> dict[str, Any]:
        """Call one operation, again where AWS was not there or busy; it must bear being repeated.

        Args:
            operation: botocore's method, such as `get_secret_value`.
            timeout: seconds for all attempts.
            hidden: makes further parameters, which are in no frame of ours then.
            parameters: as botocore takes them.

        Raises:
            ConfigurationError: no login, no region, no such profile.
            AccessDenied, StoreUnavailable: as AWS says, or does not.
            Refused: any other error code of AWS.
        """
        deadline = Deadline(timeout)
        pause = 0.1
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._once(operation, deadline, hidden, parameters)
            except StoreUnavailable:
                if deadline.left() < pause + _SHORTEST_WAIT:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause *= 4
        return self._once(operation, deadline, hidden, parameters)

    def _once(
        self,
        operation: str,
        deadline: Deadline,
        hidden: Callable[[], dict[str, object]],
        parameters: dict[str, object],
    ) -> dict[str, Any]:
        if deadline.over():
            raise StoreUnavailable(f"{self._what}: no time left to ask AWS")
        return self._by(self._own_clients().get(_wait(deadline.left())), operation, hidden, parameters)

    def _by(
        self, client: Any, operation: str, hidden: Callable[[], dict[str, object]], parameters: dict[str, object]
    ) -> dict[str, Any]:
        try:
            return getattr(client, operation)(**parameters, **hidden())  # type: ignore[no-any-return]
        except MpesaSecretsError:
            raise
        except Exception as error:
            failure = translated(error, self._what)
        # Raised out here, it does not drag the foreign exception along.
        raise failure

    def _own_clients(self) -> _Clients:
        # A forked child must share neither connections nor locks with its parent.
        return self._clients.setdefault(os.getpid(), self._new())


class _Clients:
    """The clients of one process, with one login."""

    def __init__(self, service: str, what: str, region: str | None, profile: str | None) -> None:
        self._service = service
        self._what = what
        self._region = region
        self._profile = profile
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._by_wait: dict[float, Any] = {}

    def get(self, wait: float) -> Any:
        """The client that waits so many seconds; raises ConfigurationError, StoreUnavailable, AccessDenied."""
        if wait not in self._by_wait:
            with self._lock:
                if wait not in self._by_wait:
                    self._by_wait[wait] = self._made(wait)
        return self._by_wait[wait]

    def _made(self, wait: float) -> Any:
        try:
            return self._new(wait)
        except (ModuleNotFoundError, MpesaSecretsError):
            raise
        except ValueError as error:
            raise ConfigurationError(
                f"{self._what}: botocore takes a setting for invalid ({type(error).__name__})",
                hint="check region, AWS_ENDPOINT_URL and the AWS configuration file",
            ) from None
        except Exception as error:
            raise translated(error, self._what) from None

    def _new(self, wait: float) -> Any:
        if self._session is None:
            self._session = _session(self._profile, wait)
        # Without this a client would be made that never finds a login again.
        if self._session.get_credentials() is None:
            raise ConfigurationError(
                f"{self._what}: no AWS credentials",
                hint="give the machine a role, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        region = self._region or os.environ.get("AWS_REGION") or None
        return self._session.create_client(self._service, region_name=region, config=_patience(wait, attempts=1))


class _EveryService(list[str]):
    """Botocore's list of services, unread: reading it takes longer than all the rest of making a client."""

    @classmethod
    def of(cls, _type_name: str) -> _EveryService:
        return cls()

    def __contains__(self, _service: object) -> bool:
        return True


def _session(profile: str | None, wait: float) -> Session:
    with importing:
        import botocore.session

    session = botocore.session.Session(profile=profile)
    session.get_component("data_loader").list_available_services = _EveryService.of
    # For the services that botocore itself asks for a login.
    session.set_default_client_config(_patience(wait, attempts=2))
    _hurry_metadata(session, wait)
    for name in ("botocore.endpoint", "botocore.parsers"):
        logging.getLogger(name).addFilter(_shows_no_secret)
    return session


def _patience(wait: float, attempts: int) -> Any:
    from botocore.config import Config

    retries = {"mode": "standard", "total_max_attempts": attempts}
    return Config(connect_timeout=wait, read_timeout=wait, retries=retries)


def _hurry_metadata(session: Session, wait: float) -> None:
    """Where there is no metadata service, two questions are asked in vain, each as often as configured."""
    attempts = session.get_config_variable("metadata_service_num_attempts")
    longest = wait / (2 * max(attempts, 1))
    timeout = min(session.get_config_variable("metadata_service_timeout"), longest)
    session.get_component("config_store").set_config_variable("metadata_service_timeout", timeout)


def _shows_no_secret(record: logging.LogRecord) -> bool:
    """Botocore logs whole requests and answers at DEBUG."""
    text = record.getMessage()
    return "SecretString" not in text and "SecretBinary" not in text


def _wait(seconds: float) -> float:
    wait = _LONGEST_WAIT
    while wait > seconds / 2 and wait > _SHORTEST_WAIT:
        wait /= 2
    return wait
