"""The new pair as a person brings it: a JSON object, dotenv lines, or two words at a prompt."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from mpesa_secrets.credentials import Credentials, PairFields, Secret
from mpesa_secrets.errors import MalformedPair, StoreError
from mpesa_secrets.form import cleaned

MOST_BYTES = 64 * 1024
_LINE = re.compile(r"(?m)^[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*([^\r\n]*)")
_HINT = 'give {"consumer_key": "…", "consumer_secret": "…"}, or the dotenv lines MPESA_CONSUMER_KEY=… and …_SECRET=…'


class NewPair:
    """A pair without what came along when it was pasted.

    Attributes:
        credentials: the pair, cleaned.
        removed: the names of the values that had white space or quotes around them.
    """

    def __init__(self, pasted: Credentials) -> None:
        self.credentials = Credentials(cleaned(pasted.consumer_key), cleaned(pasted.consumer_secret))
        names = ("consumer_key", "consumer_secret")
        self.removed = [name for name in names if getattr(pasted, name) != getattr(self.credentials, name)]


def read_pair(read: Callable[[int], bytes]) -> NewPair:
    """The pair in a file.

    Args:
        read: gives at most so many bytes of it.

    Raises:
        MalformedPair: there is none in it.
    """
    # The text is no local of a frame that raises.
    secret = _parsed(read(MOST_BYTES))
    if secret is None:
        raise MalformedPair("the new pair: neither a JSON object nor dotenv lines", hint=_HINT)
    try:
        return NewPair(PairFields().credentials(secret))
    except StoreError as error:
        raise MalformedPair(f"the new pair: {error}", hint=_HINT) from None


def _parsed(data: bytes) -> Secret | None:
    try:
        text = data.decode("utf-8-sig")
        fields = json.loads(text) if text.lstrip().startswith("{") else _lines(text)
    except (ValueError, RecursionError):
        return None
    return Secret(fields) if isinstance(fields, dict) and fields else None


def _lines(text: str) -> dict[str, str]:
    return {name: _value(value) for name, value in _LINE.findall(text)}


def _value(text: str) -> str:
    """A dotenv value without its quotes, or without the comment behind it."""
    quoted = re.fullmatch(r"""(["'])(.*?)\1[ \t]*(?:#.*)?""", text)
    return quoted[2] if quoted else re.sub(r"[ \t]+#.*", "", text)
