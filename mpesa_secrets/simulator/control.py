"""The control door: faults, apps and figures over HTTP, for those who are in another process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mpesa_secrets.simulator.faults import FAULTS
from mpesa_secrets.simulator.wire import Reply, Request

if TYPE_CHECKING:
    from mpesa_secrets.simulator.server import Simulator

PREFIX = "/simulator/"
Arguments = dict[str, Any]


def answer(simulator: Simulator, request: Request) -> Reply:
    """Do what is asked; 404 for an unknown door, 400 with the names of the faults for a bad argument."""
    action = _ACTIONS.get((request.method, request.path.removeprefix(PREFIX)))
    if action is None:
        return _json(404, {"error": "unknown", "known": [" ".join(names) for names in _ACTIONS]})
    try:
        return _json(200, action(simulator, json.loads(request.body or b"{}")) or {})
    except KeyError as error:
        return _json(400, {"error": f"missing: {error}"})
    except (AttributeError, TypeError, ValueError) as error:
        return _json(400, {"error": str(error), "faults": list(FAULTS)})


def _json(status: int, value: object) -> Reply:
    return Reply(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _fail(simulator: Simulator, arguments: Arguments) -> None:
    simulator.fail(
        arguments["fault"],
        arguments.get("times", 1),
        path=arguments.get("path"),
        issue=arguments.get("issue", False),
        **arguments.get("options", {}),
    )


def _clear(simulator: Simulator, _arguments: Arguments) -> None:
    simulator.clear()


def _stats(simulator: Simulator, _arguments: Arguments) -> Arguments:
    return {**simulator.stats(), "faults": list(FAULTS)}


def _accept(simulator: Simulator, arguments: Arguments) -> None:
    simulator.accept(arguments["consumer_key"], arguments["consumer_secret"])


def _revoke(simulator: Simulator, arguments: Arguments) -> None:
    simulator.revoke(arguments["consumer_key"])


def _expire(simulator: Simulator, _arguments: Arguments) -> None:
    simulator.expire_tokens()


_ACTIONS: dict[tuple[str, str], Callable[[Simulator, Arguments], Arguments | None]] = {
    ("POST", "faults"): _fail,
    ("DELETE", "faults"): _clear,
    ("GET", "stats"): _stats,
    ("POST", "apps"): _accept,
    ("DELETE", "apps"): _revoke,
    ("POST", "expire"): _expire,
}
