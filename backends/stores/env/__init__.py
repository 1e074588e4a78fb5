"""Variables as a store: the process environment, read-only, or a dotenv file."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote_to_bytes

from mpesa_secrets.credentials import PairFields, Secret
from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.urls import parameter, redacted, split

from .names import VariableNames

if TYPE_CHECKING:
    from .dotenv import DotenvStore

_PARAMETERS = {"file", "key_field", "secret_field"}
_FORMS = "use env://, env://NAME_, env:///path/to/.env or env://NAME_?file=path/to/.env"


class EnvironmentStore:
    """The process environment. An empty variable of the pair counts as unset; there are no versions.

    Args:
        names: which variables.
        environ: where they are; looked at anew by every read.
    """

    def __init__(self, names: VariableNames, environ: Mapping[str, str] = os.environ) -> None:
        self._names = names
        self._environ = environ

    def read(self, timeout: float) -> Secret:  # noqa: ARG002  nothing here can take time
        """The variables as they are now; raises SecretNotFound and MalformedSecret."""
        return self._names.checked(Secret(self._set_fields()), "in the environment")

    def _set_fields(self) -> dict[str, str]:
        fields = self._names.fields(self._environ).items()
        return {name: value for name, value in fields if value or not self._names.may_be_pair(name)}


def open_store(url: str) -> EnvironmentStore | DotenvStore:
    """The store for `env://[PREFIX_]` or, with a path or `?file=`, the dotenv file's.

    A relative file is looked up from the working directory of this moment. Does no I/O on the file.

    Raises:
        ConfigurationError: the URL has another shape.
    """
    parts = split(url)
    _check(url, parts)
    names = VariableNames(
        parts.netloc or "MPESA_", PairFields(parameter(url, "key_field"), parameter(url, "secret_field"))
    )
    file = _decoded(parts.path) or _decoded(_parameters(parts).get("file", ""))
    if not file:
        return EnvironmentStore(names)
    from .dotenv import DotenvStore

    return DotenvStore(os.path.abspath(file), names)


open_store.url_form = "env://[PREFIX_][?file=.env]"  # type: ignore[attr-defined]  # shown by `backends`


def _check(url: str, parts: SplitResult) -> None:
    parameters = _parameters(parts)
    if parts.netloc and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", parts.netloc) is None:
        raise _wrong(url, f"{parts.netloc!r} is no prefix of a variable")
    if unknown := sorted(parameters.keys() - _PARAMETERS):
        raise _wrong(url, f"unknown parameter {unknown[0]!r}")
    if parts.path and (parts.netloc or "file" in parameters):
        raise _wrong(url, "a path beside a prefix or ?file=")
    if parameters.get("file") == "":
        raise _wrong(url, "?file= is empty")
    if parts.fragment:
        raise ConfigurationError(f"URL {redacted(url)}: has a fragment", hint="write # as %23 in a path")
    if "%00" in parts.path + parts.query:
        raise _wrong(url, "NUL in a name")


def _wrong(url: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"URL {redacted(url)}: {why}", hint=_FORMS)


def _parameters(parts: SplitResult) -> dict[str, str]:
    pairs = (item.partition("=") for item in parts.query.split("&") if item)
    return {name: value for name, _, value in pairs}


def _decoded(path: str) -> str:
    """Percent-decoded only: a plus sign in a path is a plus sign."""
    return os.fsdecode(unquote_to_bytes(path))
