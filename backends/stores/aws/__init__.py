"""AWS Secrets Manager as a store: `aws://NAME-OR-ARN[?region=][&profile=][&via=auto|api|extension]`."""

from __future__ import annotations

import logging
import os
import string
from urllib.parse import parse_qs, unquote

from mpesa_secrets.credentials import Secret
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import ConfigurationError, MpesaSecretsError, SecretNotFound
from mpesa_secrets.urls import redacted

from .api import AwsApi
from .extension import Extension, is_announced
from .secret import AwsSecret

log = logging.getLogger("mpesa_secrets")
_PARAMETERS = {"region", "profile", "via", "key_field", "secret_field"}
_LETTERS = frozenset(string.ascii_letters + string.digits + "/_+=.@!:-")
# Of the time for a read, what an extension may take before the API is asked in its place.
_EXTENSION_SHARE = 0.5
_EXTENSION_SECONDS = 5.0


class AwsStore(AwsSecret):
    """A secret that is read through the extension on localhost, where there is one, else as AwsSecret.

    Args:
        name: its name or ARN.
        api: Secrets Manager.
        extension: asked first by `read`.
        alone: whether the API is no way out when the extension fails.
    """

    def __init__(self, name: str, api: AwsApi, extension: Extension | None = None, alone: bool = False) -> None:
        super().__init__(name, api)
        self._extension = extension
        self._alone = alone

    def read(self, timeout: float) -> Secret:
        """The secret at AWSCURRENT; from the extension up to five minutes old. Raises what `reread` raises."""
        if self._extension is None:
            return self.reread(timeout)
        if self._alone:
            return self._extension.read(timeout)
        deadline = Deadline(timeout)
        try:
            return self._extension.read(min(timeout * _EXTENSION_SHARE, _EXTENSION_SECONDS))
        except SecretNotFound:
            raise
        except MpesaSecretsError as error:
            log.info("%s; the API is asked instead", error)
        return self.reread(deadline.left())


def open_store(url: str) -> AwsStore:
    """The store for an `aws://` URL; does no I/O.

    Everything between `://` and `?` is the name, percent-decoded; one that begins with `/` is `aws:///name`.

    Raises:
        ConfigurationError: the URL has another shape.
    """
    name, parameters = _name(url), _parameters(url)
    region, profile = parameters.get("region") or _arn_region(name), parameters.get("profile")
    via = parameters.get("via", "auto")
    # An extension has the region and the login of the machine, no others.
    announced = is_announced() and profile is None and region in (None, _region_here() or _arn_region(name))
    extension = Extension(name) if via == "extension" or (via == "auto" and announced) else None
    api = AwsApi("secretsmanager", f"aws://{name}", region, profile)
    return AwsStore(name, api, extension, alone=via == "extension")


open_store.url_form = "aws://NAME-OR-ARN"  # type: ignore[attr-defined]  # shown by `backends`


def _name(url: str) -> str:
    name = unquote(url.partition("://")[2].partition("?")[0])
    if not name or not _LETTERS.issuperset(name):
        raise _wrong(url, "no name of a secret in it", "for example aws://mpesa/production")
    if name.startswith("arn:") and _arn_region(name) is None:
        raise _wrong(url, "not the ARN of a secret", "it ends with :secret:NAME-XXXXXX")
    return name


def _parameters(url: str) -> dict[str, str]:
    parameters = {key: values[-1] for key, values in parse_qs(url.partition("?")[2]).items()}
    if unknown := sorted(parameters.keys() - _PARAMETERS):
        raise _wrong(url, f"unknown parameter {unknown[0]!r}", "known are region, profile and via")
    via = parameters.get("via", "auto")
    if via not in {"auto", "api", "extension"}:
        raise _wrong(url, f"via {via!r} is unknown", "use auto, api or extension")
    return parameters


def _wrong(url: str, why: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"URL {redacted(url)}: {why}", hint=hint)


def _arn_region(name: str) -> str | None:
    """The region in `arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX`."""
    parts = name.split(":")
    return parts[3] or None if len(parts) == 7 and parts[::2][:2] == ["arn", "secretsmanager"] else None


def _region_here() -> str | None:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
