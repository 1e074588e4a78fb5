"""What `rotate` and `rollback` have in common at the terminal."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

import click

from mpesa_secrets.commands.session import Session
from mpesa_secrets.errors import Interrupted
from mpesa_secrets.rotation import Report, Rotation, Step
from mpesa_secrets.rotation.interrupts import Interrupts

F = TypeVar("F", bound=Callable[..., object])

_OPTIONS = (
    click.option("--dry-run", is_flag=True, help="Verify and end there; nothing is written."),
    click.option("--no-verify", is_flag=True, help="Do not ask Daraja: for when it is down and the old pair leaked."),
    click.option("--yes", "-y", is_flag=True, help="Do not ask before the write."),
    click.option("--json", "in_json", is_flag=True, help="Print one JSON object."),
)
_ENDS = {
    "rotated": "the new pair is current. When nothing uses the old one any more, revoke it in the portal, by hand.",
    "restored": "the earlier pair is current again. The one it replaces still works until it is revoked in the portal.",
    "unchanged": "this pair is in the store already; nothing to do.",
    "dry-run": "all is well so far; nothing was written.",
}


def take_rotation_options(function: F) -> F:
    """The options of both commands."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def on_a_terminal() -> bool:
    """Whether there is a person to ask."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stderr))


def carry_out(
    session: Session,
    act: Callable[[Rotation], Report],
    *,
    dry_run: bool,
    no_verify: bool,
    yes: bool,
    in_json: bool,
) -> None:
    """Run it, showing the steps as they happen, the end in one sentence, and in JSON what a program needs."""
    session.as_json(in_json)
    if session.report is not None:
        session.report.update(Report("", lambda _: None).as_json(), store=None)
    _hear_the_audit()
    with Interrupts() as interrupts:
        rotation = Rotation(
            session.settings(),
            verify=not no_verify,
            dry_run=dry_run,
            confirm=(lambda: None) if yes or not on_a_terminal() else _ask,
            tell=(lambda _: None) if in_json else _show,
            interrupts=interrupts,
        )
        try:
            report = act(rotation)
        except KeyboardInterrupt:
            raise Interrupted("interrupted: nothing was written") from None
        finally:
            if session.report is not None:
                session.report.update(rotation.report.as_json())
    session.finish()
    if not in_json:
        click.echo(f"{report.store}: {_ENDS[report.outcome]}")


def _show(step: Step) -> None:
    # A terminal that is gone is no reason to stop half-way.
    with suppress(OSError):
        click.echo(f"{'ok  ' if step.ok else 'FAIL'} {step.step:<9} {step.detail}", err=True)


@contextmanager
def asking() -> Iterator[None]:
    """A person who says no, or nothing more, interrupts."""
    try:
        yield
    except click.Abort:
        raise KeyboardInterrupt from None


def _ask() -> None:
    with asking():
        click.confirm("Write it?", abort=True, err=True)


def _hear_the_audit() -> None:
    """Where no person watches, the audit line goes to stderr without being asked for."""
    if not sys.stderr.isatty():
        logging.getLogger("mpesa_secrets.audit").setLevel(logging.INFO)
