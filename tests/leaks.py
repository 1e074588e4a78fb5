"""Looks for secrets where they must not be: in texts, and in tracebacks as error reporters print them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from urllib.parse import quote

OURS = ("mpesa_secrets", "mpesa_secrets_backends")
BACKENDS = str(Path(__file__).parents[1] / "backends") + "/"
BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")


def shows(text: str, secrets: Iterable[str]) -> bool:
    """Whether a text holds one of the secrets: as it is, escaped, percent-encoded, or within base64.

    The last is how a Basic header holds it, whatever key stands before it.
    """
    decoded = "\n".join(_decoded(found) for found in BASE64.findall(text))
    wanted = [secret for secret in secrets if secret]
    return any(spelling in text for secret in wanted for spelling in _spellings(secret)) or any(
        secret in decoded for secret in wanted
    )


def secrets_in_traceback(error: BaseException, secrets: Iterable[str], packages: Iterable[str] = OURS) -> list[str]:
    """Returns the places, such as "local 'x' of fetch (tokens.py:12)", where a secret shows; best is none.

    Looked at are the error, its causes, contexts that are not suppressed and members of a group: text, repr,
    arguments and attributes of each, and every local variable of frames of the top-level `packages`.
    """
    wanted, own = list(secrets), tuple(packages)
    return [place for one in _chain(error, set()) for place, text in _texts(one, own) if shows(text, wanted)]


def _chain(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    if isinstance(error, BaseExceptionGroup):
        for member in error.exceptions:
            yield from _chain(member, seen)
    following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if following is not None:
        yield from _chain(following, seen)


def _texts(error: BaseException, packages: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    name = type(error).__name__
    yield f"str of {name}", _text(error, str)
    yield f"repr of {name}", _text(error, repr)
    yield f"format of {name}", _text(error, format)
    for position, argument in enumerate(error.args):
        yield f"argument {position} of {name}", _text(argument, repr)
        yield f"argument {position} of {name}", _text(argument, str)
    for attribute, value in vars(error).items():
        yield f"attribute {attribute} of {name}", _text(value, repr)
    for frame, line in _frames(error):
        if _is_ours(frame, packages):
            yield from _locals(frame, line)


def _frames(error: BaseException) -> Iterator[tuple[FrameType, int]]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next


def _is_ours(frame: FrameType, packages: tuple[str, ...]) -> bool:
    file = frame.f_code.co_filename
    module = str(frame.f_globals.get("__name__", ""))
    return module.split(".")[0] in packages or "/mpesa_secrets/" in file or file.startswith(BACKENDS)


def _locals(frame: FrameType, line: int) -> Iterator[tuple[str, str]]:
    where = f"of {frame.f_code.co_name} ({Path(frame.f_code.co_filename).name}:{line})"
    for name, value in frame.f_locals.items():
        yield f"local {name!r} {where}", _text(value, repr)


def _text(value: object, spell: Callable[[object], str]) -> str:
    """Returns what `spell` makes of a value; one that cannot be printed shows nothing."""
    try:
        return spell(value)
    except Exception:
        return ""


def _spellings(secret: str) -> set[str]:
    return {secret, repr(secret)[1:-1], json.dumps(secret)[1:-1], quote(secret), quote(secret, safe="")}


def _decoded(text: str) -> str:
    """Returns what a run of base64 letters may stand for, wherever in it the base64 begins."""
    body = text.rstrip("=").replace("-", "+").replace("_", "/")
    aligned = (body[start:] for start in range(4))
    whole = (part[: len(part) - (len(part) % 4 == 1)] for part in aligned)
    return "\n".join(base64.b64decode(part + "==").decode(errors="replace") for part in whole)
