"""AWS Secrets Manager as a store: `aws://NAME-OR-ARN[?region=][&profile=][&via=auto|api|extension]`."""

from __future__ import annotations

import logging
import os
import re
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

from mpesa_secrets.credentials import Secret
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import ConfigurationError, MpesaSecretsError, SecretNotFound

from .aws_api import AwsApi
from .aws_extension import Extension, is_announced
from .aws_secret import AwsSecret

log = logging.getLogger("mpesa_secrets")
_PARAMETERS = {"region", "profile", "via", "key_field", "secret_field"}
_NAME = re.compile(r"[A-Za-z0-9/_+=.@!:-]+")
_ARN = re.compile(r"arn:[a-z-]+:secretsmanager:(?P<region>[a-z0-9-]+):\d+:secret:[^:]+")
# Of the time for a read, what an extension may take before the API is asked in its place.
_EXTENSION_SHARE = 0.5
_EXTENSION_SECONDS = 5.0


class Target(NamedTuple):
    """What a URL names: a secret by name or ARN, where it is, and the way to it."""

    name: str
    region: str | None
    profile: str | None
    via: str


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
    target = _target(url)
    api = AwsApi("secretsmanager", f"aws://{target.name}", target.region, target.profile)
    extension = Extension(target.name) if _through_extension(target) else None
    return AwsStore(target.name, api, extension, alone=target.via == "extension")


open_store.url_form = "aws://NAME-OR-ARN"  # type: ignore[attr-defined]  # shown by `backends`


def _target(url: str) -> Target:
    path, _, query = url.partition("://")[2].partition("?")
    name = unquote(path)
    parameters = {key: values[-1] for key, values in parse_qs(query).items()}
    if unknown := sorted(parameters.keys() - _PARAMETERS):
        raise ConfigurationError(f"URL {url}: unknown parameter {unknown[0]!r}", hint="known: region, profile, via")
    if _NAME.fullmatch(name) is None:
        raise ConfigurationError(f"URL {url}: no name of a secret in it", hint="for example aws://mpesa/production")
    if name.startswith("arn:") and _arn_region(name) is None:
        raise ConfigurationError(f"URL {url}: not the ARN of a secret", hint="it ends with :secret:NAME-XXXXXX")
    via = parameters.get("via", "auto")
    if via not in {"auto", "api", "extension"}:
        raise ConfigurationError(f"URL {url}: via {via!r} is unknown", hint="use auto, api or extension")
    return Target(name, parameters.get("region") or _arn_region(name), parameters.get("profile"), via)


def _arn_region(name: str) -> str | None:
    arn = _ARN.fullmatch(name)
    return arn["region"] if arn else None


def _through_extension(target: Target) -> bool:
    """In `auto` only where the environment announces one, which has this machine's region and login."""
    if target.via != "auto":
        return target.via == "extension"
    here = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _arn_region(target.name)
    return is_announced() and target.profile is None and target.region in (None, here)
