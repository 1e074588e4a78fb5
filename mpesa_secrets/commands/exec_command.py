"""`mpesa-secrets exec`: becomes another program, with the pair in its environment."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

import click

from mpesa_secrets.commands.session import Session, command as _command, say
from mpesa_secrets.commands.spans import seconds
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.environment import Variables, gather
from mpesa_secrets.errors import MpesaSecretsError

NOT_STARTED, CANNOT_RUN, NOT_FOUND = 125, 126, 127
PRISTINE = (b"PATH", b"HOME", b"LANG", b"TZ")
SHORTEST_PAUSE, LONGEST_PAUSE = 0.25, 5.0  # seconds between two tries
HINTS = {
    errno.E2BIG: "environment and arguments are too large: leave out --all, or add --pristine",
    errno.ENOEXEC: "a script begins with #! and its interpreter",
}
LAST_WORDS = 5.0  # seconds that a token has to reach a shared cache


@_command("exec", context_settings={"allow_interspersed_args": False})
@click.option("--pristine", is_flag=True, help="Start from an empty environment but PATH, HOME, LANG and TZ.")
@click.option("--all", "everything", is_flag=True, help="Add every other scalar field of the secret as MPESA_<FIELD>.")
@click.option("--with-token", is_flag=True, help="Add an access token as MPESA_ACCESS_TOKEN.")
@click.option("--retry-for", callback=seconds, metavar="SPAN", help="Wait for a store that is down, 30s for example.")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD [ARG]...")
def command(
    session: Session, pristine: bool, everything: bool, with_token: bool, retry_for: float | None, words: Sequence[str]
) -> int:
    """Run a command with the pair in its environment.

    MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET are set, and the command takes this process over: its exit code
    and its signals are its own. Exit codes of ours: 125, nothing was started; 126, the command cannot be run;
    127, there is no such command.
    """
    _heed_termination()
    try:
        variables = _patiently(
            lambda: gather(session.settings(), everything=everything, with_token=with_token), retry_for or 0.0
        )
        if with_token:
            _finish_threads()
    except MpesaSecretsError as error:
        session.fail(error)
        return NOT_STARTED
    except Exception as error:
        session.fail(_fault(error))
        return NOT_STARTED
    return _become(words, variables, pristine)


def _heed_termination() -> None:
    """The kernel keeps signals from a container's first process unless it asks for them."""
    if os.getpid() == 1 and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))


def _patiently(attempt: Callable[[], Variables], span: float) -> Variables:
    """Try until it works, as long as another try may help and the span is not over."""
    window, pause = Deadline(span), SHORTEST_PAUSE
    while True:
        try:
            return attempt()
        except MpesaSecretsError as error:
            if not error.retryable or window.over():
                raise
            say(f"{error}; trying for another {window.left():.0f} s")
        time.sleep(min(pause, window.left()))
        pause = min(2 * pause, LONGEST_PAUSE)


def _finish_threads() -> None:
    """Whatever still puts the token into a shared cache: execve would end it."""
    import threading

    patience = Deadline(LAST_WORDS)
    for thread in threading.enumerate():
        if thread is not threading.current_thread():
            thread.join(patience.left())


def _fault(error: Exception) -> MpesaSecretsError:
    from mpesa_secrets.stores import place_of

    return MpesaSecretsError(f"a fault of ours: {type(error).__name__} {place_of(error)}", hint="please report it")


def _become(words: Sequence[str], variables: Variables, pristine: bool) -> int:
    """Turn into the command; returns only where that fails, with the exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    # Python ignores these two from its start on, and what is ignored stays so in the command.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvpe(words[0], list(words), _environment(variables, pristine))  # noqa: S606  no shell, by purpose
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: an empty name
        say(f"{words[0]}: no such command")
        return NOT_FOUND
    except OSError as error:
        say(f"{words[0]}: cannot be run: {os.strerror(error.errno or 0)}")
        say(HINTS.get(error.errno or 0, "is it an executable file?"))
        return CANNOT_RUN


def _environment(variables: Variables, pristine: bool) -> dict[bytes, bytes]:
    own = {name.encode(): variables.encoded(name) for name in variables.values}
    return {name: os.environb[name] for name in os.environb if not pristine or name in PRISTINE} | own
