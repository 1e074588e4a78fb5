"""One change of the secret in its store: written, read back, promoted and confirmed, or else taken back."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import NoReturn

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import (
    AccessDenied,
    ConfigurationError,
    Conflict,
    Interrupted,
    MalformedSecret,
    MpesaSecretsError,
    ReadOnlyStore,
    RollbackFailed,
    RolledBack,
    SecretNotFound,
    StoreError,
    StoreUnavailable,
)
from mpesa_secrets.rotation.interrupts import Interrupts
from mpesa_secrets.rotation.reading import PAUSES, Reader, same_fields
from mpesa_secrets.rotation.report import Place, Report
from mpesa_secrets.stores import StoreDoor

# After these answers to a write nothing was written, unless readers see it.
_REFUSALS = (AccessDenied, ConfigurationError, MalformedSecret, ReadOnlyStore, SecretNotFound)


class Change:
    """From one state of a secret to another, or back.

    Args:
        door: the store.
        before: the secret as it is now.
        after: the secret as it shall be; its version, if it has one, is in the store already and only wants
            promoting.
        report: hears the steps.
        interrupts: tells whether to stop.
        timeout: seconds for each call of the store.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        door: StoreDoor,
        before: Secret,
        after: Secret,
        report: Report,
        interrupts: Interrupts,
        timeout: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._door = door
        self._before = before
        self._after = after
        self._report = report
        self._interrupts = interrupts
        self._timeout = timeout
        self._sleep = sleep
        self._reader = Reader(door, timeout, sleep)
        self._staging = door.can("promote")
        self._version = after.version
        self._written = False  # by us, whether readers see it or not
        self._exposed = False  # readers may see it
        self._visible = False  # the store has said that they do

    def carry_out(self) -> Secret:
        """Do it all; returns the secret as an application reads it now.

        Raises:
            StoreError: the write failed and left the store as it was.
            Conflict: somebody else changed the secret; what they wrote stays.
            Interrupted, RolledBack: it did not go through, and the previous state is back.
            RollbackFailed: it did not go through, and the previous state may not be back.
        """
        self._interrupts.hold()
        try:
            if self._version is None:
                self._write()
                self._interrupts.check()
                self._read_back()
                self._interrupts.check()
            if self._staging:
                self._promote()
                self._interrupts.check()
            return self._confirm()
        except MpesaSecretsError as error:
            self._take_back(error)
        except BaseException as error:  # a KeyboardInterrupt where nobody entered `interrupts`, or a fault of ours
            self._take_back(Interrupted(f"interrupted by {type(error).__name__}"))

    def _write(self) -> None:
        if self._before.version is None:
            self._look_once_more()
        self._exposed = not self._staging
        try:
            self._version = self._call("write", Secret(self._after.fields, self._before.version))
        except Conflict:
            self._exposed = False
            raise
        except _REFUSALS:
            self._exposed = self._exposed and self._shows_ours()
            raise
        except StoreUnavailable:
            # The answer may have been lost, not the write.
            if self._staging or not same_fields(now := self._reader.now(), self._after):
                raise
            self._version = now.version
        self._written = True
        self._visible = self._exposed
        self._report.note("write", f"version {self._version}" if self._version else "written")

    def _look_once_more(self) -> None:
        """Without versions there is no compare-and-swap: a second look is all that can be done."""
        if not same_fields(self._reader.now(), self._before):
            raise Conflict(f"{self._door.name}: was changed meanwhile", hint="look at it, then rotate again")

    def _read_back(self) -> None:
        written = self._reader.now() if self._version is None else self._reader.version(self._version)
        if not same_fields(written, self._after):
            raise StoreError(f"{self._door.name}: gives back another secret than was written")
        self._report.note("read-back", "every field as it was written")

    def _promote(self) -> None:
        self._exposed = True
        self._call("promote", self._version, self._before.version)
        self._visible = True
        self._report.note("promote", f"readers see version {self._version}")

    def _confirm(self) -> Secret:
        now = self._reader.insist(self._read_ahead)
        if now.version != self._version:
            raise Conflict(f"{self._door.name}: somebody else wrote after us", hint="what they wrote stays; look at it")
        if not same_fields(now, self._after):
            raise StoreError(f"{self._door.name}: an application would read another secret than was written")
        self._report.note("confirm", "an application reads the new state")
        return now

    def _read_ahead(self) -> Secret:
        now = self._reader.once()
        if self._lags(now):
            raise StoreUnavailable(f"{self._door.name}: still shows the version before", hint="does a replica lag?")
        return now

    def _lags(self, now: Secret) -> bool:
        """Whether it is the old version itself, though the store has said that readers see ours."""
        return self._visible and now.version is not None and now.version == self._before.version

    def _take_back(self, error: MpesaSecretsError) -> NoReturn:
        """Put the previous state back where ours is current, then tell how it ended."""
        if not isinstance(error, Interrupted):
            self._report.note(self._failed_step(), str(error), ok=False)
        self._report.current = None
        now = self._restored(error) if self._exposed else self._looked()
        self._discard()
        self._report.current = Place.of(self._door.pair(now)) if now else self._report.previous
        if not self._written or isinstance(error, Conflict):
            raise error
        self._report.note("put-back", "the previous pair is current")
        kind = Interrupted if isinstance(error, Interrupted) else RolledBack
        raise kind(f"{error}; the previous pair was put back", hint=error.hint) from None

    def _failed_step(self) -> str:
        done = {step.step for step in self._report.steps}
        promote = ["promote"] if self._staging else []
        write = ["write", "read-back"] if self._after.version is None else []
        return next(step for step in [*write, *promote, "confirm"] if step not in done)

    def _looked(self) -> Secret | None:
        """What readers see, or None where the store does not say."""
        try:
            now = self._reader.now()
            self._door.pair(now)
        except MpesaSecretsError:
            return None
        return now

    def _shows_ours(self) -> bool:
        now = self._looked()
        return now is not None and same_fields(now, self._after)

    def _restored(self, error: MpesaSecretsError) -> Secret:
        """The previous state, current again; tried until it is or somebody else's is."""
        failure: MpesaSecretsError = error
        for pause in (0.0, *PAUSES):
            self._sleep(pause)
            try:
                now = self._reader.once()
                if same_fields(now, self._before) and not self._lags(now):
                    return now
                if not self._is_ours(now):
                    self._leave_to_others(now)
                self._put_back(now)
            except Conflict:
                raise
            except SecretNotFound:
                self._leave_to_others(None)
            except MpesaSecretsError as another:
                failure = another
        self._report.note("put-back", str(failure), ok=False)
        raise RollbackFailed(
            f"{error}; and the previous pair could not be put back: {failure}",
            hint="as soon as the store answers, run `mpesa-secrets status`, then `mpesa-secrets rollback`",
        ) from None

    def _is_ours(self, now: Secret) -> bool:
        if self._version is None or now.version is None:
            return same_fields(now, self._after)
        return now.version == self._version or self._lags(now)

    def _put_back(self, now: Secret) -> None:
        if self._staging:
            self._call("promote", self._before.version, self._version)
        else:
            self._call("write", Secret(self._before.fields, self._version or now.version))
        self._written, self._visible = True, False

    def _leave_to_others(self, now: Secret | None) -> NoReturn:
        self._discard()
        with contextlib.suppress(StoreError):
            self._report.current = Place.of(self._door.pair(now)) if now else None
        raise Conflict(
            f"{self._door.name}: somebody else changed the secret meanwhile; what they wrote stays",
            hint="look with `mpesa-secrets status`, talk to them, then rotate again",
        )

    def _discard(self) -> None:
        """Unstage what readers never saw. A leftover is harmless: the next rotation takes it away."""
        if self._version is None or self._after.version is not None or not self._door.can("discard"):
            return
        try:
            self._call("discard", self._version)
        except MpesaSecretsError as error:
            self._report.note("discard", f"the staged version {self._version} is left over: {error}", ok=False)

    def _call(self, method: str, *arguments: object) -> str | None:
        result: str | None = self._door.call(method, *arguments, timeout=self._timeout)
        return result
