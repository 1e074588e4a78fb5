"""Becoming another program, with the pair in its environment. Imports no click: starting up is most of the work."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

from mpesa_secrets.deadline import Deadline
from mpesa_secrets.environment import Variables, gather
from mpesa_secrets.errors import MpesaSecretsError
from mpesa_secrets.settings import Settings

NOT_STARTED, CANNOT_RUN, NOT_FOUND, INTERRUPTED = 125, 126, 127, 130
PRISTINE = (b"PATH", b"HOME", b"LANG", b"TZ")
SHORTEST_PAUSE, LONGEST_PAUSE = 0.25, 5.0  # seconds between two tries
HINTS = {
    errno.E2BIG: "environment and arguments are too large: leave out --all, or add --pristine",
    errno.ENOEXEC: "a script begins with #! and its interpreter",
}
LAST_WORDS = 5.0  # seconds that a token has to reach a shared cache


def become(
    words: Sequence[str],
    settings: Callable[[], Settings],
    *,
    pristine: bool = False,
    everything: bool = False,
    with_token: bool = False,
    retry_for: float = 0.0,
) -> int:
    """Turn into a command; returns only where that fails, with the exit code, and has said why.

    Args:
        words: the command and its arguments.
        settings: makes the settings; its failure counts as ours.
        pristine: start from an empty environment but PATH, HOME, LANG and TZ.
        everything: also the other scalar fields of the secret.
        with_token: also an access token.
        retry_for: seconds to wait for a store that is down.
    """
    _heed_termination()
    try:
        variables = _patiently(lambda: gather(settings(), everything=everything, with_token=with_token), retry_for)
        if with_token:
            _finish_threads()
    except MpesaSecretsError as error:
        return _not_started(error)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except Exception as error:
        return _not_started(_fault(error))
    return _replace_process(words, variables, pristine)


def _not_started(error: MpesaSecretsError) -> int:
    from mpesa_secrets.commands.session import Session

    Session().fail(error)
    return NOT_STARTED


def _say(line: str) -> None:
    from mpesa_secrets.commands.session import say

    say(line)


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
            _say(f"{error}; trying for another {window.left():.0f} s")
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


def _replace_process(words: Sequence[str], variables: Variables, pristine: bool) -> int:
    """Turn into the command; returns only where that fails, with the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is where a daemon closed it
            stream.flush()
    # Python ignores these two from its start on, and what is ignored stays so in the command.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    try:
        os.execvpe(words[0], list(words), _environment(variables, pristine))  # noqa: S606  no shell, by purpose
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: an empty name
        _say(f"{words[0]}: no such command")
        return NOT_FOUND
    except OSError as error:
        _say(f"{words[0]}: cannot be run: {os.strerror(error.errno or 0)}")
        _say(HINTS.get(error.errno or 0, "is it an executable file?"))
        return CANNOT_RUN


def _environment(variables: Variables, pristine: bool) -> dict[bytes, bytes]:
    own = {name.encode(): variables.encoded(name) for name in variables.values}
    return {name: os.environb[name] for name in os.environb if not pristine or name in PRISTINE} | own
