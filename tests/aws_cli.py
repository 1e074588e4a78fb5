"""As much of AWS's command line as the documentation uses, over boto3, which checks every parameter.

Values are text, JSON, `Key=value`, `file://` and `fileb://`, as the real one takes them; lists also as several words.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import jmespath  # type: ignore[import-untyped]


def main(arguments: list[str]) -> None:
    """Make the one call and print its answer."""
    service, operation, *rest = arguments
    client = boto3.client(service)
    method = operation.replace("-", "_")
    options = dict(_options(rest))
    query, _ = options.pop("query", ["@"]), options.pop("output", None)
    inputs = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape.members
    known = {_hyphened(name): name for name in inputs}
    parameters = json.loads(_text(options.pop("cli-input-json", ["{}"])[0]))
    if "zip-file" in options:
        # The one name that the real one makes up itself.
        parameters["Code" if "Code" in inputs else "Content"] = {"ZipFile": _bytes(options.pop("zip-file")[0])}
    for option, words in options.items():
        parameters[known[option]] = _value(inputs[known[option]], words)
    answer = getattr(client, method)(**parameters)
    print(jmespath.search(query[0], answer))


def _options(words: list[str]) -> Iterator[tuple[str, list[str]]]:
    while words:
        option, words = words[0].removeprefix("--"), words[1:]
        number = next((at for at, word in enumerate(words) if word.startswith("--")), len(words))
        yield option, words[:number]
        words = words[number:]


def _hyphened(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).strip("-")


def _value(shape: Any, words: list[str]) -> Any:
    text = _text(words[0])
    if shape.type_name in {"structure", "map", "list"} and text[:1] in {"{", "["}:
        return json.loads(text)
    if shape.type_name == "list":
        return words
    if shape.type_name == "structure" and not text.startswith("{"):
        return dict(pair.split("=", 1) for pair in text.split(","))
    return {"integer": int, "long": int, "double": float, "float": float}.get(shape.type_name, str)(text)


def _bytes(word: str) -> bytes:
    return Path(word.removeprefix("fileb://")).read_bytes()


def _text(word: str) -> str:
    return Path(word.removeprefix("file://")).read_text() if word.startswith("file://") else word


if __name__ == "__main__":
    main(sys.argv[1:])
