"""`mpesa-secrets demo`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import click

from mpesa_secrets.commands.demo_stores import STORES
from mpesa_secrets.commands.session import Session, command as _command
from mpesa_secrets.errors import CredentialsRejected, MpesaSecretsError
from mpesa_secrets.simulator import Simulator

OLD = ("DemoKeyOfTheOldApp" + "0" * 30, "DemoSecretOfTheOldApp" + "0" * 43)
NEW = ("DemoKeyOfTheNewApp" + "1" * 30, "DemoSecretOfTheNewApp" + "1" * 43)
UNKNOWN = ("DemoKeyOfNoApp" + "2" * 34, "DemoSecretOfNoApp" + "2" * 47)


@_command("demo")
@click.option("--store", type=click.Choice(list(STORES)), default="env", show_default=True, help="The store to show.")
def command(_session: Session, store: str) -> None:
    """Show the main job on this machine alone: no account, no network.

    A simulated Daraja and a store on loopback; token, rotation, verification, rollback.
    """
    with tempfile.TemporaryDirectory(prefix="mpesa-demo-") as folder, Simulator(*OLD) as daraja:
        directory = Path(folder)
        fields = {"CONSUMER_KEY": OLD[0], "CONSUMER_SECRET": OLD[1], "SHORTCODE": "174379"}
        with STORES[store](directory, fields) as variables:
            Demo(directory, daraja, variables).play()


class Demo:
    """The story, told by running the program as a user would.

    Args:
        directory: for the files of the story.
        daraja: the simulated service.
        variables: name the store and how to reach it.
    """

    def __init__(self, directory: Path, daraja: Simulator, variables: Mapping[str, str]) -> None:
        self._directory = directory
        self._daraja = daraja
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("MPESA_", "AWS_", "VAULT_"))},
            **variables,
            "MPESA_BASE_URL": daraja.base_url,
        }

    def play(self) -> None:
        """Tell it; raises MpesaSecretsError where it does not go as it should."""
        click.echo(
            f"A simulated Daraja answers at {self._daraja.base_url}, the store is "
            f"{self._environment['MPESA_SECRETS_URL']}."
        )
        self._tell("Is everything there? One token is fetched with the pair from the store.")
        self._run("check", "--live")
        self._tell("An application asks for its token a thousand times.")
        self._application()
        self._tell("A pair that Daraja does not know is refused before anything is written.")
        self._run("rotate", "--from", self._file("typo.json", UNKNOWN), expected=CredentialsRejected.exit_code)
        self._tell("The portal issues a new pair; one command brings it into the store.")
        self._daraja.accept(*NEW)
        self._run("rotate", "--from", self._file("new.json", NEW))
        self._run("status")
        self._tell("Something is wrong with the new application? Back, with the same care.")
        self._run("rollback")
        self._run("check", "--live")
        click.echo(f"\nDone: {len(self._daraja.token_requests)} token requests in all, nothing left behind.")

    def _tell(self, sentence: str) -> None:
        click.echo(f"\n# {sentence}")

    def _run(self, *words: str, expected: int = 0) -> None:
        shown = " ".join(words).replace(f"{self._directory}/", "")
        click.echo(f"$ mpesa-secrets {shown}")
        self._call([sys.executable, "-m", "mpesa_secrets", *words], expected)

    def _application(self) -> None:
        before = len(self._daraja.token_requests)
        program = "from mpesa_secrets import connect; mpesa = connect(); [mpesa.token() for _ in range(1000)]"
        click.echo(f"$ python -c '{program}'")
        self._call([sys.executable, "-c", program], 0)
        click.echo(f"  {len(self._daraja.token_requests) - before} token request")

    def _call(self, command: list[str], expected: int) -> None:
        done = subprocess.run(
            command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=self._directory,
        )
        for line in done.stdout.splitlines():
            if "info: {" not in line:  # the audit line, for log collectors
                click.echo(f"  {line}")
        if done.returncode != 0:
            click.echo(f"  (exit code {done.returncode})")
        if done.returncode != expected:
            failure = MpesaSecretsError(f"the demo: exit code {done.returncode} where {expected} was due")
            failure.exit_code = done.returncode or failure.exit_code
            raise failure

    def _file(self, name: str, pair: tuple[str, str]) -> str:
        path = self._directory / name
        path.touch(mode=0o600)
        path.write_text(json.dumps({"consumer_key": pair[0], "consumer_secret": pair[1]}))
        return str(path)
