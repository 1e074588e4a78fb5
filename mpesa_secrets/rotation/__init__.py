"""Rotation: a newly issued pair into the store, or the earlier one back.

    read → form → verify → write → read back → promote → confirm
                             └──────── anything wrong ────────→ put back, or leave to whoever wrote after us

Readers never see a pair that Daraja has not accepted; a kill at any point leaves the old pair or the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from mpesa_secrets.credentials import Credentials, Secret
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import (
    AccessDenied,
    Conflict,
    CredentialsRejected,
    DarajaError,
    Interrupted,
    MalformedPair,
    MalformedSecret,
    MpesaSecretsError,
    ReadOnlyStore,
    RollbackFailed,
    RolledBack,
    SecretNotFound,
)
from mpesa_secrets.fetching import TokenFetcher
from mpesa_secrets.form import impossible, mixed_up, unusual
from mpesa_secrets.rotation import audit
from mpesa_secrets.rotation.change import Change
from mpesa_secrets.rotation.interrupts import Interrupts
from mpesa_secrets.rotation.pairs import NewPair
from mpesa_secrets.rotation.reading import same_fields
from mpesa_secrets.rotation.report import Place, Report, Step
from mpesa_secrets.settings import Settings
from mpesa_secrets.stores import StoreDoor, Version
from mpesa_secrets.tokens import AccessToken

__all__ = ["NewPair", "Report", "Rotation", "Step"]

# The outcome that an error stands for, the more special class first; any other is a refusal.
_OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (CredentialsRejected, "rejected"),
    (DarajaError, "unverified"),
    (Conflict, "conflict"),
    (RolledBack, "rolled-back"),
    (RollbackFailed, "rollback-failed"),
    (Interrupted, "interrupted"),
    (KeyboardInterrupt, "interrupted"),
)
_GONE = {"current", "pending", "deleted", "destroyed"}


class Rotation:
    """One rotation or rollback of the pair in one store.

    Args:
        settings: name the store and the Daraja host.
        verify: ask Daraja for one token with the pair before anything is written.
        dry_run: end after that.
        confirm: called just before the write; raises to stop it.
        tell: hears each step as it happens.
        interrupts: entered by the caller where signals are to be heeded.

    Attributes:
        report: the story so far; whole after `rotate` or `rollback`, whether they returned or raised.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        verify: bool = True,
        dry_run: bool = False,
        confirm: Callable[[], object] = lambda: None,
        tell: Callable[[Step], object] = lambda _: None,
        interrupts: Interrupts | None = None,
    ) -> None:
        self._settings = settings
        self._verify = verify
        self._dry_run = dry_run
        self._confirm = confirm
        self._interrupts = interrupts or Interrupts()
        self._door = StoreDoor(settings.url)
        self._token: AccessToken | None = None
        self.report = Report(self._door.name, tell)

    def rotate(self, new_pair: Callable[[], NewPair]) -> Report:
        """Bring a new pair into the store.

        Args:
            new_pair: called once the store has been read; raises MalformedPair.

        Raises:
            MalformedPair, StoreError, DarajaError, RotationError: with the store as it was, unless the error's
                class says otherwise.
        """
        with self._audited("rotate"):
            before = self._read()
            pair = self._formed(new_pair())
            if pair.same_pair(self._door.pair(before)):
                return self._unchanged(before)
            self._ask_daraja(pair)
            return self._carry_out(before, self._merged(before, pair), "rotated")

    def rollback(self) -> Report:
        """Bring back the newest earlier pair that the store still has and that differs from today's.

        Raises:
            SecretNotFound: there is none.
            StoreError, DarajaError, RotationError: as `rotate`.
        """
        with self._audited("rollback"):
            before = self._read()
            earlier = self._earlier(before)
            pair = self._door.pair(earlier)
            self.report.note("find", f"version {earlier.version}, fingerprint {pair.fingerprint}")
            self._ask_daraja(pair)
            after = self._merged(before, pair)
            if self._door.can("promote") and same_fields(after, earlier):
                after = earlier  # in the store already: moving the label is enough
            return self._carry_out(before, after, "restored")

    @contextmanager
    def _audited(self, event: str) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            found = [outcome for kind, outcome in _OUTCOMES if isinstance(error, kind)]
            self.report.outcome = found[0] if found else "refused"
            raise
        finally:
            audit.record(event, self.report)

    def _read(self) -> Secret:
        if not self._door.can("write", "read_version", "history"):
            raise ReadOnlyStore(f"{self._door.name}: can only be read", hint="rotate where its values come from")
        self._open_cache()
        secret = self._door.read(self._settings.timeout, fresh=True)
        pair = self._door.pair(secret)
        self.report.previous = self.report.current = Place.of(pair)
        self.report.note("read", f"version {secret.version or 'not told'}, fingerprint {pair.fingerprint}")
        self._remark()
        return secret

    def _open_cache(self) -> None:
        """A cache whose package is missing is told before anything is done, not after."""
        if self._shares_its_token():
            from mpesa_secrets.caches import CacheDoor

            CacheDoor(self._settings.token_cache).cache()

    def _shares_its_token(self) -> bool:
        return not self._settings.token_cache.startswith("memory:")

    def _remark(self) -> None:
        if not self._door.can("remarks"):
            return
        with suppress(AccessDenied):  # who may write the pair need not see more
            for remark in self._door.call("remarks", timeout=self._settings.timeout):
                self.report.note("remark", remark)

    def _formed(self, new: NewPair) -> Credentials:
        pair, complaint = new.credentials, impossible(new.credentials)
        if complaint:
            raise MalformedPair(f"the new pair: {complaint}", hint="copy it from the portal again")
        if new.removed:
            self.report.note("form", f"white space or quotes around {' and '.join(new.removed)} were removed")
        suspicion = mixed_up(pair)
        if suspicion and not self._verify:
            raise MalformedPair(f"the new pair: {suspicion}", hint="without --no-verify Daraja would decide")
        self.report.note("form", suspicion or unusual(pair) or f"fingerprint {pair.fingerprint}")
        return pair

    def _unchanged(self, before: Secret) -> Report:
        if before.version is not None and not self._dry_run and self._door.can("discard"):
            # A rotation that was killed after it had promoted leaves its staging label.
            self._door.call("discard", before.version, timeout=self._settings.timeout)
        self.report.outcome = "unchanged"
        return self.report

    def _ask_daraja(self, pair: Credentials) -> None:
        if not self._verify:
            self.report.note("verify", "left out, as --no-verify says: nobody knows whether Daraja accepts this pair")
            return
        fetcher = TokenFetcher(self._settings.base_url, self._settings.token_method)
        try:
            self._token = fetcher.fetch(pair, Deadline(self._settings.timeout))
        except DarajaError as error:
            self.report.note("verify", f"{error}; the store is untouched", ok=False)
            raise
        self.report.note("verify", f"{self._settings.base_url} accepts the pair")

    def _merged(self, before: Secret, pair: Credentials) -> Secret:
        key_field, secret_field = self._door.pair_fields.find(before)
        return Secret({**before.fields, key_field: pair.consumer_key, secret_field: pair.consumer_secret})

    def _carry_out(self, before: Secret, after: Secret, outcome: str) -> Report:
        if self._dry_run:
            self.report.outcome = "dry-run"
            return self.report
        self._confirm()
        change = Change(self._door, before, after, self.report, self._interrupts, self._settings.timeout)
        now = self._door.pair(change.carry_out())
        self.report.current = Place.of(now)
        self.report.outcome = outcome
        self._leave_a_trace(now)
        self._share(now)
        return self.report

    def _earlier(self, before: Secret) -> Secret:
        today = self._door.pair(before)
        for version in self._versions():
            earlier = self._version(version.version)
            if earlier is not None and not self._door.pair(earlier).same_pair(today):
                return earlier
        raise SecretNotFound(
            f"{self._door.name}: has no earlier pair to go back to", hint="bring one with `mpesa-secrets rotate`"
        )

    def _versions(self) -> list[Version]:
        history = self._door.call("history", timeout=self._settings.timeout)
        # A version that was staged and never promoted may be newer than the pair that was there before.
        return sorted(
            (version for version in history if version.state not in _GONE), key=lambda each: each.state != "previous"
        )

    def _version(self, version: str) -> Secret | None:
        try:
            secret: Secret = self._door.call("read_version", version, timeout=self._settings.timeout)
            self._door.pair(secret)
        except (SecretNotFound, MalformedSecret):
            return None
        return secret

    def _leave_a_trace(self, pair: Credentials) -> None:
        if not self._door.can("annotate"):
            return
        note = {"rotated_by": audit.who(), "rotated_at": audit.now(), "fingerprint": pair.fingerprint}
        try:
            self._door.call("annotate", note, timeout=self._settings.timeout)
            self.report.note("annotate", "who, when and the fingerprint are left in the store")
        except MpesaSecretsError as error:
            self.report.note("annotate", f"no note is left in the store: {error}", ok=False)

    def _share(self, pair: Credentials) -> None:
        """The verified token is the application's first: the whole rotation costs one token request."""
        if self._token is None or not self._shares_its_token():
            return
        from mpesa_secrets.sharing import share

        if share(self._settings, pair, self._token):
            self.report.note("token", "the verified token is in the token cache")
        else:
            self.report.note("token", "the verified token could not be left in the token cache", ok=False)
