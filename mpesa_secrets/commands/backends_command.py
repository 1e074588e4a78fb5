"""`mpesa-secrets backends`."""

from __future__ import annotations

import click

from mpesa_secrets import plugins
from mpesa_secrets.commands.session import Session, command as _command


@_command("backends")
@click.option("--json", "in_json", is_flag=True, help="Print one JSON object.")
def command(session: Session, in_json: bool) -> None:
    """List the installed stores and token caches."""
    session.as_json(in_json)
    found = {"stores": plugins.installed(plugins.STORES), "token_caches": plugins.installed(plugins.TOKEN_CACHES)}
    if session.report is not None:
        session.report.update({kind: [_as_json(plugin) for plugin in found[kind]] for kind in found})
        return session.finish()
    for kind, some in found.items():
        click.echo(f"{kind.replace('_', ' ')}:")
        for plugin in some:
            click.echo(f"  {plugin.url:<32} {plugin.distribution} {plugin.version}")
    return None


def _as_json(plugin: plugins.Plugin) -> dict[str, str]:
    return {name: getattr(plugin, name) for name in ("scheme", "url", "distribution", "version")}
