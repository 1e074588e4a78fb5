"""A stand-in for one DynamoDB table: as much of GetItem and UpdateItem as a token cache asks for.

moto, on which the cache itself is tested, takes several milliseconds of a processor for each call: too much where it
shares two processors with two hundred clients. The contract suite passes on both.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mpesa_secrets.simulator.listener import Listener
from mpesa_secrets.simulator.wire import Reply, Request

HOST = "127.0.0.1"
Item = dict[str, dict[str, str]]

_ASSIGNMENT = re.compile(r"(\w+) = (?:if_not_exists\((\w+), (:\w+)\) \+ )?(:\w+)")
_COMPARISON = re.compile(r"(\w+) (<=|>|=) (:\w+)")
_ABSENT = re.compile(r"attribute_not_exists\((\w+)\)")


class Items:
    """What is in the table. The listener calls it from one thread."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}

    def answer(self, request: Request) -> Reply:
        """The answer of one call."""
        call = json.loads(request.body)
        item = self._items.get(call["Key"]["id"]["S"], {})
        if request.headers["x-amz-target"].endswith(".GetItem"):
            wanted = {name: item[name] for name in [call["ProjectionExpression"]] if name in item}
            return _reply(200, {"Item": wanted} if item else {})
        values = call["ExpressionAttributeValues"]
        if not any(_holds(part, item, values) for part in call["ConditionExpression"].split(" OR ")):
            return _reply(400, {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"})
        changed = _changed(call["UpdateExpression"], item, values)
        self._items[call["Key"]["id"]["S"]] = changed
        return _reply(200, {"Attributes": changed})


def _holds(condition: str, item: Item, values: Item) -> bool:
    if absent := _ABSENT.fullmatch(condition):
        return absent[1] not in item
    comparison = _COMPARISON.fullmatch(condition)
    assert comparison, condition
    name, operator, value = comparison.groups()
    if name not in item:
        return False
    left, right = _plain(item[name]), _plain(values[value])
    return bool({"<=": lambda: left <= right, ">": lambda: left > right, "=": lambda: left == right}[operator]())


def _changed(update: str, item: Item, values: Item) -> Item:
    setting, _, removing = update.partition("REMOVE")
    changed = {name: value for name, value in item.items() if name not in removing.split()}
    for name, old, initial, value in _ASSIGNMENT.findall(setting):
        if old:
            total = _plain(item.get(old, values[initial])) + _plain(values[value])
            changed[name] = {"N": str(total)}
        else:
            changed[name] = values[value]
    return changed


def _plain(value: dict[str, str]) -> Any:
    kind, text = next(iter(value.items()))
    return (float(text) if "." in text else int(text)) if kind == "N" else text


def _reply(status: int, content: object) -> Reply:
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/x-amz-json-1.0"})


class Table:
    """The stand-in in a process of its own."""

    def __enter__(self) -> Table:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._endpoint = self._process.stdout.readline().strip()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead an AWS client here."""
        return {
            "AWS_ENDPOINT_URL": self._endpoint,
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "nothing",
            "AWS_REGION": "eu-west-1",
        }


if __name__ == "__main__":
    listener = Listener(Items().answer, None)
    host, port = listener.start(HOST, 0)
    print(f"http://{host}:{port}", flush=True)
    sys.stdin.read()
    listener.stop()
