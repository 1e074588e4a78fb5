"""The program: finds the command, runs it, and turns whatever happens into a line and an exit code."""

from __future__ import annotations

import errno
import logging
import os
import sys
from collections.abc import Sequence

import click

from mpesa_secrets.commands.session import Session, say, session_of, take_options
from mpesa_secrets.errors import Interrupted, MpesaSecretsError

BROKEN_PIPE = 141
_UNWRITABLE = (errno.EPIPE, errno.ENOSPC, errno.EIO)

# Command to module; each module has the click command under the command's own name, or `<name>_command`.
COMMANDS = {
    "token": "Print a valid access token.",
    "check": "Read the store and check the pair; with --live also ask Daraja.",
    "status": "Where the pair stands: version, fingerprint, age, history.",
    "rotate": "Bring a newly issued pair into the store.",
    "rollback": "Bring the previous pair back.",
    "exec": "Run a command with the pair in its environment.",
    "export": "Print the pair for a shell, a dotenv file, JSON or GitHub Actions.",
    "backends": "List the installed stores and token caches.",
    "agent": "Serve the token to other programs on this machine.",
    "simulate": "Run a local Daraja for development and tests.",
    "demo": "Show the main job on this machine alone.",
}


class _Program(click.Group):
    """A group that imports a command when it is called, and lists them without importing any."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module = __import__(f"mpesa_secrets.commands.{name}_command", fromlist=["command"])
        found: click.Command = module.command
        return found

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


class _ToStderr(logging.Handler):
    """Log lines in the form of all our lines."""

    def emit(self, record: logging.LogRecord) -> None:
        say(f"{record.levelname.lower()}: {record.getMessage()}")


def _print_version(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        click.echo(f"mpesa-secrets {version('mpesa-secrets')}")
        context.exit()


@click.command(
    cls=_Program,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None},
    epilog="Results go to stdout, everything else to stderr. Options may also stand after the command.",
)
@take_options
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print it.")
def program(**_options: object) -> None:
    """M-Pesa (Daraja) credentials and tokens out of your secret store."""
    session_of(click.get_current_context())


class UsageError(MpesaSecretsError):
    """The command line cannot be meant so."""

    exit_code = 2


def run(arguments: Sequence[str]) -> int:
    """Run the program; returns the exit code."""
    _open_closed_streams()
    logging.getLogger("mpesa_secrets").addHandler(_ToStderr(logging.DEBUG))
    try:
        return _ended(arguments, Session())
    except BrokenPipeError:
        return _unread(BROKEN_PIPE)
    except OSError as error:
        # What is left of the output cannot be written either.
        say(f"stdout: cannot be written: {error.strerror}")
        return _unread(1)


def _ended(arguments: Sequence[str], session: Session) -> int:
    try:
        return _called(arguments, session)
    except MpesaSecretsError as error:
        return session.fail(error)
    except click.exceptions.Exit as done:
        sys.stdout.flush()
        return done.exit_code
    except click.ClickException as error:
        if not arguments:
            error.show()  # the help
            return error.exit_code
        session.as_json(session.report is None and "--json" in arguments)
        return session.fail(_misused(error))
    except (KeyboardInterrupt, click.Abort):
        return session.fail(Interrupted("interrupted"))
    except (Exception, SystemExit) as error:
        if isinstance(error, OSError) and error.errno in _UNWRITABLE:
            raise
        return session.fail(_fault(error))


def _called(arguments: Sequence[str], session: Session) -> int:
    """Without `program.main`, which turns a broken pipe into exit code 1 and an interrupt into an empty line."""
    instruction = os.environ.get("_MPESA_SECRETS_COMPLETE")
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(program, {"obj": session}, "mpesa-secrets", "_MPESA_SECRETS_COMPLETE", instruction)
    with program.make_context("mpesa-secrets", list(arguments), obj=session) as context:
        code = program.invoke(context)
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _misused(error: click.ClickException) -> UsageError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "mpesa-secrets"
    return UsageError(error.format_message().rstrip("."), hint=f"see `{path} --help`")


def _open_closed_streams() -> None:
    """Under daemons and cron they may be closed, and Python has None in their places."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  open as long as the process


def _unread(code: int) -> int:
    """Keep the interpreter from complaining when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _fault(error: BaseException) -> MpesaSecretsError:
    from mpesa_secrets.stores import place_of

    # Its text may hold a secret: the class and the place say enough to report it.
    return MpesaSecretsError(f"a fault of ours: {type(error).__name__} {place_of(error)}", hint="please report it")
