"""Redis or Valkey as a token cache, for many machines.

Under `mpesa-secrets:{KEY}` lies a hash with the entry and the fencing number, under the same name with `:lease` the
lease, which ends by itself. Each step is one short script, so that it happens as a whole. Both names have one hash tag,
as a cluster's proxy needs it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

from mpesa_secrets.errors import AccessDenied, ConfigurationError, StoreError, StoreUnavailable

_SECONDS = 1.0  # for one answer of the server; the caller's own bound holds beyond that
_KEPT = 3600.0  # seconds that a number is kept where there is no entry

# The number goes by the clock, so that it goes on rising even if the server has forgotten everything. A question that
# is sent again because its answer was lost is known by its name.
_LEASE = """
local holder = redis.call('GET', KEYS[2])
if holder == ARGV[1] then return redis.call('HGET', KEYS[1], 'fence') end
if holder then return false end
local fence = math.max(tonumber(redis.call('HGET', KEYS[1], 'fence') or '0') + 1, tonumber(ARGV[3]))
local text = string.format('%.0f', fence)
redis.call('HSET', KEYS[1], 'fence', text)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then redis.call('PEXPIRE', KEYS[1], ARGV[4]) end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return text
"""
_RENEW = """
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1
"""
_STORE = """
if redis.call('HGET', KEYS[1], 'fence') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'entry', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('DEL', KEYS[2])
return 1
"""
_RELEASE = """
if redis.call('HGET', KEYS[1], 'fence') == ARGV[1] then redis.call('DEL', KEYS[2]) end
return 1
"""


class RedisCache:
    """Entries and leases on one server.

    Args:
        client: a redis.Redis that answers in bytes.
        wall: unix seconds.
    """

    def __init__(self, client: Any, wall: Callable[[], float] = time.time) -> None:
        self._client = client
        self._wall = wall
        self._scripts = {script: client.register_script(script) for script in (_LEASE, _RENEW, _STORE, _RELEASE)}

    def load(self, key: str, timeout: float) -> bytes | None:  # noqa: ARG002  the client has time-outs of its own
        """The newest entry, or None."""
        with _translated():
            entry: bytes | None = self._client.hget(_names(key)[0], "entry")
        return entry

    def lease(self, key: str, seconds: float, timeout: float) -> int | None:  # noqa: ARG002
        """A lease, unless one is out."""
        now = int(self._wall() * 1000)
        fence = self._run(_LEASE, key, token_hex(8), _milliseconds(seconds), now, _milliseconds(_KEPT))
        return None if fence is None else int(fence)

    def renew(self, key: str, fence: int, seconds: float, timeout: float) -> bool:  # noqa: ARG002
        """Prolong the lease, if it is the last one given."""
        return bool(self._run(_RENEW, key, fence, _milliseconds(seconds)))

    def store(self, key: str, entry: bytes, expires_at: float, fence: int, timeout: float) -> bool:  # noqa: ARG002
        """Replace the entry, if the lease is the last one given."""
        return bool(self._run(_STORE, key, fence, entry, _milliseconds(expires_at - self._wall())))

    def release(self, key: str, fence: int, timeout: float) -> None:  # noqa: ARG002
        """End the lease, if it is the last one given."""
        self._run(_RELEASE, key, fence)

    def _run(self, script: str, key: str, *arguments: int | str | bytes) -> Any:
        with _translated():
            return self._scripts[script](keys=_names(key), args=arguments)


def _names(key: str) -> tuple[str, str]:
    name = f"mpesa-secrets:{{{key}}}"
    return name, f"{name}:lease"


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))


@contextmanager
def _translated() -> Iterator[None]:
    from redis import exceptions as theirs

    try:
        yield
    except (theirs.AuthenticationError, theirs.AuthorizationError, theirs.NoPermissionError) as error:
        failure: StoreError = AccessDenied(_said(error), hint="check user and password in the URL, and the user's ACL")
    except (theirs.ConnectionError, theirs.TimeoutError, OSError) as error:
        failure = StoreUnavailable(_said(error))
    except theirs.RedisError as error:
        failure = StoreError(_said(error))
    else:
        return
    # Raised out here, it does not drag the foreign exception along.
    raise failure


def _said(error: Exception) -> str:
    return f"Redis does not serve ({type(error).__name__})"


def open_cache(url: str) -> RedisCache:
    """The cache for `redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]`. Does no I/O.

    Raises:
        ConfigurationError: the URL has another shape.
        ModuleNotFoundError: redis is not installed.
    """
    from redis import ConnectionPool, Redis
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as NotConnected, TimeoutError as TooLate
    from redis.retry import Retry

    try:
        pool = ConnectionPool.from_url(
            url,
            socket_timeout=_SECONDS,
            socket_connect_timeout=_SECONDS,
            # A connection that the server has closed meanwhile is no failure yet.
            retry=Retry(NoBackoff(), 1, supported_errors=(NotConnected, TooLate)),
        )
        pool.make_connection()
    except (ValueError, TypeError) as error:
        problem = type(error).__name__
    else:
        return RedisCache(Redis(connection_pool=pool))
    raise ConfigurationError(
        f"MPESA_TOKEN_CACHE: redis-py does not take this URL ({problem})", hint="redis://:PASSWORD@HOST:6379/0"
    )


def open_tls_cache(url: str) -> RedisCache:
    """The same for `rediss://`; redis-py knows the schemes itself."""
    return open_cache(url)


open_tls_cache.url_form = "rediss://[:PASSWORD@]HOST[:PORT][/DB]"  # type: ignore[attr-defined]
open_cache.url_form = "redis://[:PASSWORD@]HOST[:PORT][/DB]"  # type: ignore[attr-defined]
