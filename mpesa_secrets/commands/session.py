"""What one run of a command knows: the settings' options, and how to report."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mpesa_secrets.errors import MpesaSecretsError
from mpesa_secrets.settings import Settings
from mpesa_secrets.urls import Url

if TYPE_CHECKING:
    from mpesa_secrets.client import Mpesa

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--url", "-u", type=Url, metavar="URL", help="The store [MPESA_SECRETS_URL; env://]."),
    click.option("--environment", "-e", metavar="NAME", help="production or sandbox [MPESA_ENVIRONMENT; production]."),
    click.option("--base-url", type=Url, metavar="URL", help="Another Daraja host [MPESA_BASE_URL]."),
    click.option("--timeout", metavar="SECONDS", help="For one token, everything included [MPESA_TIMEOUT; 20]."),
    click.option(
        "--token-cache", type=Url, metavar="URL", help="Where the token is shared [MPESA_TOKEN_CACHE; memory://]."
    ),
    click.option("--verbose", "-v", count=True, help="Tell more on stderr; twice: still more."),
)


class Session:
    """Options from before and after the command, merged; and the report that --json prints.

    Attributes:
        report: the command's own JSON keys so far, or None where results are text.
    """

    def __init__(self) -> None:
        self.options: dict[str, str] = {}
        self.report: dict[str, object] | None = None

    def settings(self) -> Settings:
        """The settings; raises ConfigurationError."""
        return Settings(**self.options)  # the options have the names of the settings

    def mpesa(self) -> Mpesa:
        """A client for these settings; raises ConfigurationError."""
        from mpesa_secrets.client import Mpesa

        return Mpesa(self.settings())

    def as_json(self, wanted: bool) -> None:
        """Report in JSON from here on, if wanted."""
        if wanted:
            self.report = {}

    def finish(self) -> None:
        """Print the report."""
        if self.report is not None:
            click.echo(json.dumps(self.report))

    def fail(self, error: MpesaSecretsError) -> int:
        """Print an error, and in the report what a program needs of it; returns the exit code."""
        if self.report is not None:
            self.report["error"] = {
                "type": type(error).__name__,
                "message": str(error),
                "exit_code": error.exit_code,
                "retryable": error.retryable,
            }
            self.finish()
        say(str(error))
        if error.request_id:
            say(f"requestId {error.request_id}, for Safaricom's support")
        if error.hint:
            say(error.hint)
        return error.exit_code


def say(line: str) -> None:
    """One line on stderr."""
    click.echo(f"mpesa-secrets: {' '.join(line.split())}", err=True)


def take_options(function: F) -> F:
    """Let a command, or the group before it, take the settings' options; the one that stands last counts."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def session_of(context: click.Context) -> Session:
    """The session of this run, with the options that this context was given."""
    session = context.ensure_object(Session)
    for name in ("url", "environment", "base_url", "timeout", "token_cache"):
        value = context.params.pop(name, None)
        if value is not None:
            session.options[name] = value
    verbose = context.params.pop("verbose", 0)
    if verbose:
        _talk(verbose)
    return session


def _talk(verbosity: int) -> None:
    import logging

    logging.getLogger("mpesa_secrets").setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)


def command(name: str, **attributes: Any) -> Callable[[Callable[..., object]], click.Command]:
    """A command that takes the settings' options and gets the session as its first argument."""

    def decorate(function: Callable[..., object]) -> click.Command:
        def callback(**parameters: object) -> object:
            context = click.get_current_context()
            session = session_of(context)
            return function(session, **{name: parameters[name] for name in context.params})

        callback.__doc__ = function.__doc__
        # Where click's option decorators left them.
        vars(callback)["__click_params__"] = vars(function).get("__click_params__", [])
        return click.command(name, cls=click.Command, **attributes)(take_options(callback))

    return decorate
