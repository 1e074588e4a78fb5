"""Spans of time as options take them: 30s, 12h, 90d."""

from __future__ import annotations

import re

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def seconds(context: click.Context, parameter: click.Parameter, value: str | None) -> float | None:
    """A click callback: the span in seconds."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smhdw])", value)
    if found is None:
        raise click.BadParameter("a span of time looks like 30s, 12h or 90d", context, parameter)
    return float(found[1]) * _UNITS[found[2]]
