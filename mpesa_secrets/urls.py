"""URLs as settings: safe to show, and safe to send a secret to."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qs, urlsplit

from mpesa_secrets.errors import ConfigurationError

# Not compiled until there is something to hide.
_SECRET_PARAMETERS = r"(?i)([?&][^=&#]*(?:password|passwd|secret_id|token|api_?key)[^=&#]*=)[^&#]*"
_PASSWORD = r"(?s)^([^:/?#]*://[^:/?#]*:).*@"
_PASSWORD_OF_SORTS = r"(?s)^.*@"


def redacted(url: str) -> str:
    """The URL with every password in it replaced by `***`; of a text that is no URL all before the last @."""
    shown = str(url)
    if re.match(_PASSWORD, shown):
        shown = re.sub(_PASSWORD, r"\1***@", shown)
    elif "://" not in shown:
        shown = re.sub(_PASSWORD_OF_SORTS, "***@", shown)
    return re.sub(_SECRET_PARAMETERS, r"\1***", shown)


class Url(str):
    """A URL whose repr shows no password, so that neither does a traceback with the locals of a frame."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(redacted(self))


def is_loopback(host: str | None) -> bool:
    """Whether this host name can only be this machine."""
    return host is not None and (host in {"localhost", "::1"} or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None)


def split(url: str) -> SplitResult:
    """`urlsplit` whose refusal is a ConfigurationError that shows no password."""
    parts = _split(url)
    if parts is None:
        raise ConfigurationError(f"URL {redacted(url)}: cannot be parsed")
    return parts


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  reading it is what checks it
        return parts
    except ValueError:
        return None


def parameter(url: str, name: str) -> str | None:
    """The value of one query parameter, percent-decoded, or None; an empty one counts as absent."""
    # Not by way of split(): what stands before the query is the plugin's business, an ARN for example.
    values = parse_qs(url.partition("?")[2].partition("#")[0]).get(name)
    return values[-1] if values else None


def scheme_of(url: str, setting: str) -> str:
    """The URL's scheme in lower case.

    Raises:
        ConfigurationError: the text is no `scheme://…`.
    """
    found = re.match(r"([A-Za-z][A-Za-z0-9+.\-]*)://", url)
    if found is None:
        raise ConfigurationError(
            f"{setting} {redacted(url)}: not a URL", hint="it looks like env://, vault://MOUNT/PATH or aws://NAME"
        )
    return found[1].lower()


def checked_base_url(url: str) -> str:
    """A base URL that may be sent a secret: https, or http to this machine; no trailing slash.

    Raises:
        ConfigurationError: any other URL.
    """
    complaint, hint = _complaint(split(url))
    if complaint:
        raise ConfigurationError(f"base URL {redacted(url)}: {complaint}", hint=hint)
    return split(url).geturl().rstrip("/")


def _complaint(parts: SplitResult) -> tuple[str, str]:
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "not an http(s) URL", "for example https://host"
    if "@" in parts.netloc or parts.query or parts.fragment:
        return "holds a user, a query or a fragment", "remove it"
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        return "would send the secret over plain http", "use https, or a loopback host"
    return "", ""
