"""The entry points of what is installed.

They are read straight from the files of the installed distributions, for importing importlib.metadata costs more
than all else that `exec` does. What only importlib.metadata finds, in zip files or by somebody's own finder, it
is asked for where the files have nothing.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any


class Entry:
    """One entry point.

    Args:
        name: its name, a URL scheme.
        value: `module:attribute [extras]`.
        about: gives a header of its distribution's metadata, `Name` or `Version`; empty if there is none.

    Attributes:
        extras: of its distribution, that it needs.
    """

    __slots__ = ("_attribute", "_module", "about", "extras", "name")

    def __init__(self, name: str, value: str, about: Callable[[str], str]) -> None:
        target, _, extras = value.partition("[")
        module, _, attribute = target.partition(":")
        self.name = name
        self.about = about
        self._module = module.strip()
        self._attribute = attribute.strip()
        self.extras = [extra.strip() for extra in extras.rstrip("] ").split(",") if extra.strip()]

    def load(self) -> Any:
        """Import what it names."""
        thing: Any = __import__(self._module, fromlist=["_"])
        for name in self._attribute.split(".") if self._attribute else ():
            thing = getattr(thing, name)
        return thing


def named(group: str, name: str) -> list[Entry]:
    """Every entry point of a group with this name; of one distribution the first on the path counts."""
    return [entry for entry in _in_files(group) if entry.name == name] or [
        entry for entry in everything(group) if entry.name == name
    ]


def everything(group: str) -> list[Entry]:
    """Every entry point of a group that importlib.metadata finds."""
    from importlib.metadata import entry_points

    return [
        Entry(entry.name, entry.value, entry.dist.metadata.__getitem__ if entry.dist else lambda _: "")
        for entry in entry_points(group=group)
    ]


def _in_files(group: str) -> Iterator[Entry]:
    seen: set[str] = set()
    for folder, distribution in _folders():
        if distribution not in seen:
            seen.add(distribution)
            yield from _entries(folder, group)


def _folders() -> Iterator[tuple[str, str]]:
    for place in sys.path:
        try:
            names = os.listdir(place or ".")
        except OSError:  # a zip file, or nothing
            continue
        for name in names:
            stem, kind = os.path.splitext(name)
            if kind in (".dist-info", ".egg-info"):
                yield os.path.join(place, name), stem.partition("-")[0].replace("_", "-").replace(".", "-").lower()


def _entries(folder: str, group: str) -> Iterator[Entry]:
    _, heading, rest = _text(folder, "entry_points.txt").partition(f"[{group}]")
    if heading:
        for line in rest.partition("\n[")[0].splitlines():
            name, equals, value = line.partition("#")[0].partition("=")
            if equals:
                yield Entry(name.strip(), value.strip(), partial(_header, folder))


def _header(folder: str, name: str) -> str:
    for file in ("METADATA", "PKG-INFO"):
        found = re.search(rf"^{name}: (.*)$", _text(folder, file), re.MULTILINE)
        if found is not None:
            return found[1].strip()
    return ""


@cache
def _text(folder: str, file: str) -> str:
    try:
        with open(os.path.join(folder, file), encoding="utf-8") as stream:
            return stream.read()
    except OSError:
        return ""
