"""The text of a dotenv file: its variables, and the same text with other values.

Reads what python-dotenv reads without interpolation: `export`, single quotes, double quotes with escapes,
quoted values over several lines, bare values that end before ` #`, CRLF, a byte-order mark; of several
assignments the last counts. A statement that cannot be read is passed over, line by line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

_BLANKS = r"[^\S\r\n]*"
_HEAD = re.compile(
    rf"\s*(?:export[^\S\r\n]+)?(?:'(?P<quoted>[^']+)'|(?P<plain>[^=#\s'][^=#\s]*))?"
    rf"{_BLANKS}(?P<equals>=)?(?P<gap>{_BLANKS})"
)
_QUOTED = {quote: re.compile(rf"{quote}(?:[^{quote}\\]|\\.)*{quote}", re.DOTALL) for quote in "'\""}
_BARE = re.compile(r"[^\r\n]*")
_COMMENT = re.compile(r"\s+#")
_TAIL = re.compile(rf"(?:{_BLANKS}#[^\r\n]*)?{_BLANKS}(?:\r\n|\r|\n|\Z)")
_REST = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)?")

_MEANINGS = dict(zip("abfnrtv\\'\"", "\a\b\f\n\r\t\v\\'\"", strict=True))
_ESCAPES = {"'": re.compile(r"\\([\\'])"), '"': re.compile(r"\\([\\'\"abfnrtv])")}
_ESCAPED = str.maketrans({meaning: f"\\{letter}" for letter, meaning in _MEANINGS.items() if letter != "'"})
# What a shell, a compose file and every dotenv reader take for the same thing.
_SAFE_BARE = re.compile(r"[A-Za-z0-9_./:@%+,=^-]*")
_SAFE_SINGLE = re.compile(r"[^'\\\x00-\x1f]*")


class Assignment:
    """One `NAME=value` of a text.

    Attributes:
        name: the variable.
        value: decoded; None for a name without `=`, and for one whose value cannot be read.
        start, stop: where the value stands in the text, its quotes included.
        broken: whether there is a value that cannot be read.
    """

    __slots__ = ("broken", "name", "start", "stop", "value")

    def __init__(self, name: str, value: str | None, start: int, stop: int, broken: bool = False) -> None:
        self.name = name
        self.value = value
        self.start = start
        self.stop = stop
        self.broken = broken


class Dotenv:
    """A dotenv text, byte for byte; bytes that are not UTF-8 become lone surrogates in the values.

    Args:
        data: the file's bytes.
    """

    __slots__ = ("_last", "_text", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._text = data.decode("utf-8", "surrogateescape")
        self._last = {found.name: found for found in assignments(self._text)}

    @property
    def version(self) -> str:
        """The first 16 hex digits of the SHA-256 over the bytes."""
        import hashlib

        return hashlib.sha256(self.data).hexdigest()[:16]

    def values(self) -> dict[str, str]:
        """Variable to value, the last assignment of each."""
        return {name: last.value for name, last in self._last.items() if last.value is not None}

    def broken(self) -> dict[str, int]:
        """Variable to line number, where the last assignment cannot be read."""
        text = self._text
        return {name: _line(text, last.start) for name, last in self._last.items() if last.broken}

    def with_values(self, changes: Mapping[str, str]) -> Dotenv:
        """The same text with other values: replaced where the last assignment stands, or appended."""
        text = self._text
        known = self.values().keys() & changes.keys()
        for last in sorted((self._last[name] for name in known), key=lambda last: last.start, reverse=True):
            quote = text[last.start : last.stop][:1]
            text = text[: last.start] + _written(changes[last.name], quote) + text[last.stop :]
        for name in (name for name in changes if name not in known):
            text = _appended(text, f"{name}={_written(changes[name], '')}")
        return Dotenv(text.encode("utf-8", "surrogateescape"))


def assignments(text: str) -> Iterator[Assignment]:
    """Every assignment of a text, in order, the unreadable ones included."""
    position = 1 if text.startswith("\ufeff") else 0
    while position < len(text):
        found, position = _statement(text, position)
        if found is not None:
            yield found


def _statement(text: str, position: int) -> tuple[Assignment | None, int]:
    head = _HEAD.match(text, position)
    assert head is not None  # every part of it is optional
    name = head["plain"] or _unified(head["quoted"] or "")
    if not name or not head["equals"]:
        end = _TAIL.match(text, head.end())
        bare = Assignment(name, None, head.end(), head.end()) if name and end else None
        return bare, (end or _rest(text, head.end())).end()
    span = _value(text, head)
    end = _TAIL.match(text, span[1]) if span else None
    if span is None or end is None:
        broken = Assignment(name, None, head.end(), head.end(), broken=True)
        return broken, _rest(text, span[1] if span else head.end()).end()
    return Assignment(name, _decoded(text[slice(*span)]), *span), end.end()


def _value(text: str, head: re.Match[str]) -> tuple[int, int] | None:
    """Where the value stands, quotes included; None if its quote is never closed."""
    start = head.end()
    first = text[start : start + 1]
    if first in _QUOTED:
        quoted = _QUOTED[first].match(text, start)
        return quoted.span() if quoted else None
    line = _rest(text, start, _BARE).group()
    comment = _COMMENT.search(line)
    value = (line[: comment.start()] if comment else line).rstrip()
    if not value or (first == "#" and head["gap"]):
        return head.end("equals"), head.end("equals")
    return start, start + len(value)


def _rest(text: str, position: int, pattern: re.Pattern[str] = _REST) -> re.Match[str]:
    match = pattern.match(text, position)
    assert match is not None  # both patterns match the empty text
    return match


def _decoded(value: str) -> str:
    escapes = _ESCAPES.get(value[:1])
    if escapes is None:
        return value
    return escapes.sub(lambda found: _MEANINGS[found[1]], _unified(value[1:-1]))


def _unified(text: str) -> str:
    """Line ends as reading a file as text makes them."""
    return re.sub(r"\r\n?", "\n", text)


def _written(value: str, quote: str) -> str:
    """A value as text on one line, in the quotes that were there if they can hold it."""
    if quote not in _QUOTED and _SAFE_BARE.fullmatch(value):
        return value
    if (quote == '"' and not re.search(r"[$`]", value)) or not _SAFE_SINGLE.fullmatch(value):
        return f'"{value.translate(_ESCAPED)}"'
    return f"'{value}'"


def _appended(text: str, line: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    if text.removeprefix("\ufeff") and not text.endswith(("\n", "\r")):
        return f"{text}{newline}{line}"
    return f"{text}{line}{newline}"


def _line(text: str, position: int) -> int:
    return len(re.findall(r"\r\n|\r|\n", text[:position])) + 1
