"""`mpesa-secrets status`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from mpesa_secrets.commands.session import Session, command as _command, say
from mpesa_secrets.commands.spans import seconds
from mpesa_secrets.errors import StoreError
from mpesa_secrets.standing import Standing, standing

TOO_OLD = 10


@_command("status")
@click.option("--max-age", callback=seconds, metavar="AGE", help="Exit 10 where the pair is older, 90d for example.")
@click.option("--json", "in_json", is_flag=True, help="Print one JSON object.")
def command(session: Session, max_age: float | None, in_json: bool) -> int:
    """Show where the pair stands: version, fingerprint, age, history."""
    session.as_json(in_json)
    if session.report is not None:
        session.report.update(dict.fromkeys(("store", "version", "fingerprint", "updated_at", "age_days")), history=[])
    found = standing(session.settings())
    if session.report is not None:
        session.report.update(_as_json(found))
    else:
        _tell(found)
    if max_age is None:
        session.finish()
        return 0
    if found.age is None:
        raise StoreError(f"{found.store}: does not say when the pair was written, so --max-age cannot be checked")
    session.finish()
    if found.age <= max_age:
        return 0
    say(f"the pair is {found.age / 86400:.1f} days old: rotate it")
    return TOO_OLD


def _tell(found: Standing) -> None:
    age = "" if found.age is None else f" ({found.age / 86400:.1f} days ago)"
    click.echo(f"store        {found.store}")
    click.echo(f"version      {found.version or 'not told'}")
    click.echo(f"fingerprint  {found.fingerprint}")
    click.echo(f"updated      {iso(found.updated_at) or 'not told'}{age}")
    for version in found.history:
        click.echo(f"  {version.version:<40} {iso(version.created_at) or '-':<20} {version.state}")


def _as_json(found: Standing) -> dict[str, object]:
    return {
        "store": found.store,
        "version": found.version,
        "fingerprint": found.fingerprint,
        "updated_at": iso(found.updated_at),
        "age_days": None if found.age is None else round(found.age / 86400, 2),
        "history": [
            {"version": version.version, "created_at": iso(version.created_at), "state": version.state}
            for version in found.history
        ],
    }


def iso(moment: float | None) -> str | None:
    """Unix seconds as `2026-01-31T12:00:00Z`."""
    return None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
