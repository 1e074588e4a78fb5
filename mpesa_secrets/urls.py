"""URLs as settings: safe to show, and safe to send a secret to."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

from mpesa_secrets.errors import ConfigurationError

_SECRET_PARAMETERS = re.compile(r"(?i)([?&][^=&#]*(?:password|passwd|secret_id|token|api_?key)[^=&#]*=)[^&#]*")
_PASSWORD = re.compile(r"(?P<user>://[^:/?#]*):.*@")


def redacted(url: str) -> str:
    """The URL with every password in it replaced by `***`."""
    return _SECRET_PARAMETERS.sub(r"\1***", _PASSWORD.sub(r"\g<user>:***@", url))


def is_loopback(host: str | None) -> bool:
    """Whether this host name can only be this machine."""
    return host is not None and (host in {"localhost", "::1"} or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None)


def split(url: str) -> SplitResult:
    """`urlsplit` whose refusal is a ConfigurationError that shows no password."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  reading it is what checks it
        return parts
    except ValueError:
        raise ConfigurationError(f"URL {redacted(url)}: cannot be parsed") from None


def parameter(url: str, name: str) -> str | None:
    """The value of one query parameter, percent-decoded, or None; an empty one counts as absent."""
    values = parse_qs(split(url).query).get(name)
    return values[-1] if values else None


def scheme_of(url: str, setting: str) -> str:
    """The URL's scheme in lower case.

    Raises:
        ConfigurationError: the text is no `scheme://…`.
    """
    scheme, separator, _ = url.partition("://")
    if not separator or re.fullmatch(r"[A-Za-z][A-Za-z0-9+.\-]*", scheme) is None:
        raise ConfigurationError(
            f"{setting} {redacted(url)}: not a URL", hint="it looks like env://, vault://MOUNT/PATH or aws://NAME"
        )
    return scheme.lower()


def checked_base_url(url: str) -> str:
    """A base URL that may be sent a secret: https, or http to this machine; no trailing slash.

    Raises:
        ConfigurationError: any other URL.
    """
    parts = split(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"base URL {redacted(url)}: not an http(s) URL", hint="for example https://host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError(f"base URL {redacted(url)}: holds a user, a query or a fragment", hint="remove it")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"base URL {redacted(url)}: would send the secret over plain http", hint="use https, or a loopback host"
        )
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
