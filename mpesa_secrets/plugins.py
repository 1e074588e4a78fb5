"""Plugins: one entry-point group for stores, one for token caches; the entry-point name is the URL scheme.

Looking up a name reads the installed distributions' metadata and imports nothing of theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mpesa_secrets.entries import Entry, everything, named
from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.urls import redacted, scheme_of

STORES = "mpesa_secrets.backends"
TOKEN_CACHES = "mpesa_secrets.token_caches"


class Plugin:
    """An installed plugin: its scheme, the form of its URLs, and where it comes from."""

    __slots__ = ("distribution", "scheme", "url", "version")

    def __init__(self, scheme: str, url: str, distribution: str, version: str) -> None:
        self.scheme = scheme
        self.url = url
        self.distribution = distribution
        self.version = version


def find(group: str, url: str, setting: str) -> Entry:
    """The one entry point that serves this URL's scheme.

    Args:
        group: STORES or TOKEN_CACHES.
        url: `scheme://…`.
        setting: the setting that held the URL, for the message.

    Raises:
        ConfigurationError: nobody claims the scheme, or two distributions do.
    """
    scheme = scheme_of(url, setting)
    claims = named(group, scheme)
    if not claims:
        known = ", ".join(sorted({entry.name for entry in everything(group)})) or "none"
        raise ConfigurationError(
            f"{setting} {redacted(url)}: no plugin for the scheme {scheme!r}", hint=f"installed are: {known}"
        )
    # A distribution's name takes parsing its metadata, and matters only where there are two.
    claimants = sorted({_distribution(entry) for entry in claims}) if len(claims) > 1 else []
    if len(claimants) > 1:
        raise ConfigurationError(
            f"{setting} {redacted(url)}: {' and '.join(claimants)} both claim the scheme {scheme!r}",
            hint="uninstall one of them",
        )
    return claims[0]


def load(entry: Entry) -> Callable[[str], Any]:
    """Import a plugin and return its callable, which makes a store or a cache of a URL.

    Raises:
        ConfigurationError: a package that it needs is missing, or it is no callable.
    """
    try:
        factory = entry.load()
    except ModuleNotFoundError as error:
        raise missing_package(entry, error) from None
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{_named(entry)}: importing it failed with {type(error).__name__}") from None
    if not callable(factory):
        raise ConfigurationError(f"{_named(entry)}: is no callable", hint="report it to its author")
    return factory  # type: ignore[no-any-return]  # what an entry point loads is untyped


def missing_package(entry: Entry, error: ModuleNotFoundError) -> ConfigurationError:
    """The error for a package that a plugin needs and that is not installed, with the line that installs it."""
    extras = f"[{','.join(entry.extras)}]" if entry.extras else ""
    return ConfigurationError(
        f"{_named(entry)}: the package {(error.name or 'it needs').partition('.')[0]} is not installed",
        hint=f"pip install '{_distribution(entry)}{extras}'",
    )


def installed(group: str) -> list[Plugin]:
    """Every plugin of a group, by scheme; one that cannot be imported is listed with its scheme alone."""
    entries = sorted(everything(group), key=lambda entry: (entry.name, _distribution(entry)))
    return [Plugin(entry.name, _url_form(entry), _distribution(entry), _version(entry)) for entry in entries]


def _url_form(entry: Entry) -> str:
    try:
        return str(getattr(load(entry), "url_form", f"{entry.name}://"))
    except ConfigurationError:
        return f"{entry.name}://"


def _named(entry: Entry) -> str:
    return f"plugin {entry.name} of {_distribution(entry)}"


def _distribution(entry: Entry) -> str:
    return entry.about("Name") or "an unknown distribution"


def _version(entry: Entry) -> str:
    return entry.about("Version")
