"""`mpesa-secrets check`."""

from __future__ import annotations

import click

from mpesa_secrets.checks import Check, checks
from mpesa_secrets.commands.session import Session, command as _command


@_command("check")
@click.option("--live", is_flag=True, help="Ask Daraja for a token, too, through the token cache.")
@click.option("--json", "in_json", is_flag=True, help="Print one JSON object.")
def command(session: Session, live: bool, in_json: bool) -> None:
    """Read the store and check the pair's form, step by step."""
    session.as_json(in_json)
    done: list[Check] = []
    for check in checks(session.settings, live=live):
        done.append(check)
        if session.report is None:
            _tell(check)
    if session.report is not None:
        session.report.update(ok=done[-1].ok, checks=[_as_json(check) for check in done])
    if done[-1].error is not None:
        raise done[-1].error
    session.finish()


def _tell(check: Check) -> None:
    click.echo(f"{'ok  ' if check.ok else 'FAIL'} {check.name:<9} {check.detail}")
    if check.ok and check.hint:
        click.echo(f"     {'':<9} note: {check.hint}")


def _as_json(check: Check) -> dict[str, object]:
    return {"name": check.name, "ok": check.ok, "detail": check.detail, "hint": check.hint}
