"""The default token cache: none. A process keeps its token in its own memory and shares it with nobody."""

from __future__ import annotations


def open_cache(_url: str) -> None:
    """Nothing to open."""


open_cache.url_form = "memory://"  # type: ignore[attr-defined]  # shown by `mpesa-secrets backends`
