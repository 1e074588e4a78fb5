"""A dotenv file as a store that can be written."""

from __future__ import annotations

import os
import stat

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import Conflict, MalformedSecret, SecretNotFound
from mpesa_secrets.stores import Version

from .files import locked, read_file, replace_files, store_errors
from .lines import Dotenv
from .names import VariableNames
from .previous import PreviousPairs


class DotenvStore:
    """Variables in a dotenv file; version is the first 16 hex digits of the SHA-256 over its bytes.

    A write replaces the file in one step, mode 0600, and changes nothing in it but values. The pair that it
    replaces is kept, with four before it, in `<file>.previous`. A link is followed; the file it names is what
    is replaced, and `.previous` lies beside that one. Never looks into the process environment.

    Args:
        path: absolute.
        names: which of its variables.
    """

    def __init__(self, path: str, names: VariableNames) -> None:
        self._path = path
        self._names = names

    def __repr__(self) -> str:
        return f"DotenvStore({self._path!r})"

    def read(self, timeout: float) -> Secret:  # noqa: ARG002  a local file answers at once
        """The file's variables as they are now.

        Raises:
            SecretNotFound: no file, or no pair in it.
            AccessDenied: the file may not be read.
            MalformedSecret: it is no regular file, or the pair's lines cannot be read.
            StoreUnavailable: anything else that the system says.
        """
        with store_errors(self._path):
            text, _ = read_file(self._path)
        return self._secret(text)

    def write(self, secret: Secret, timeout: float) -> str:
        """Set the fields that differ from the file's, if it still has this version; returns the new version.

        A field that is new is appended; one that the secret lacks stays in the file. Of several assignments
        to one variable the last, which counts, is changed.

        Raises:
            Conflict: the file changed since; it stays as it is.
            MalformedSecret: a value is no text, or none that a dotenv file can hold.
            AccessDenied: file or directory cannot be written, or the file's owner could not be kept.
            StoreUnavailable: another writer held the lock all the time, or the system said something else.
        """
        target = os.path.realpath(self._path)
        with store_errors(self._path), locked(os.path.dirname(target), timeout):
            text, status = read_file(target)
            self._require(text, secret.version)
            new = self._changed(text, secret)
            contents = [(target, new)]
            if self._loses_pair(text, new):
                contents.insert(0, (f"{target}.previous", self._previous().with_pair_of(text, status.st_mtime)))
            if new.version != text.version:
                replace_files(contents, status, lambda: self._require(read_file(target)[0], secret.version))
        return new.version

    def read_version(self, version: str, timeout: float) -> Secret:
        """The secret at one version: today's fields with the pair of then.

        Raises:
            SecretNotFound: neither the file nor its `.previous` has this version.
            StoreError: as `read`.
        """
        current = self.read(timeout)
        if version == current.version:
            return current
        with store_errors(self._path):
            blocks = self._previous().newest_first()
        for block in blocks:
            if block.version == version:
                return self._with_pair(current, Secret(self._names.fields(block.text.values())), version)
        raise SecretNotFound(f"{self._path}: version {version} is not kept", hint="see history for those that are")

    def history(self, timeout: float) -> list[Version]:  # noqa: ARG002  a local file answers at once
        """The file's version and those in its `.previous`, the newest first; raises as `read`."""
        with store_errors(self._path):
            text, status = read_file(self._path)
            blocks = self._previous().newest_first()
        versions = {text.version: Version(text.version, status.st_mtime, "current")}
        for block in blocks:
            state = "previous" if len(versions) == 1 else "superseded"
            versions.setdefault(block.version, Version(block.version, block.created_at, state))
        return list(versions.values())

    def remarks(self, timeout: float) -> list[str]:  # noqa: ARG002  a local file answers at once
        """What to know before writing: permissions, links; raises as `read`."""
        target = os.path.realpath(self._path)
        with store_errors(self._path):
            status = os.stat(target)
        mode = stat.S_IMODE(status.st_mode)
        remarks = []
        if mode & 0o077:
            remarks.append(f"{target}: its mode {mode:04o} lets others in; a write makes it 0600")
        if os.path.islink(self._path):
            remarks.append(f"{self._path}: is a link; {target} is what a write replaces")
        if status.st_nlink > 1:
            remarks.append(f"{target}: has other hard links, which a write leaves with the old content")
        return remarks

    def _secret(self, text: Dotenv) -> Secret:
        for name, line in text.broken().items():
            if self._names.may_hold_pair(name):
                raise MalformedSecret(f"{self._path}: line {line}: {name}: its quotes do not match")
        return self._names.checked(Secret(self._names.fields(text.values()), text.version), f"in {self._path}")

    def _require(self, text: Dotenv, version: str | None) -> None:
        if text.version != version:
            raise Conflict(f"{self._path}: changed since it was read", hint="look at it, then start again")

    def _changed(self, text: Dotenv, secret: Secret) -> Dotenv:
        """The text with the secret's fields in it; no value is a local here, where an error may rise."""
        wrong = next((name for name in secret.fields if not _is_text(secret.fields[name])), None)
        if wrong is not None:
            raise MalformedSecret(f"{self._path}: field {wrong}: no text that a file can hold")
        new = text.with_values(self._changes(text, secret))
        if new.values() != text.values() | self._changes(text, secret):
            raise MalformedSecret(f"{self._path}: a name or value that dotenv has no form for")
        return new

    def _changes(self, text: Dotenv, secret: Secret) -> dict[str, str]:
        variables = text.values()
        fields = self._names.fields(variables)
        return {
            self._names.variable(name, variables): str(value)
            for name, value in secret.fields.items()
            if fields.get(name) != value
        }

    def _loses_pair(self, old: Dotenv, new: Dotenv) -> bool:
        pair = self._names.pair_variables(old.values())
        return bool(pair) and pair != self._names.pair_variables(new.values())

    def _with_pair(self, current: Secret, then: Secret, version: str) -> Secret:
        names = zip(self._names.pair.find(current), self._names.pair.find(then), strict=True)
        return Secret({**current.fields, **{today: then.fields[name] for today, name in names}}, version)

    def _previous(self) -> PreviousPairs:
        try:
            text, _ = read_file(f"{os.path.realpath(self._path)}.previous")
        except FileNotFoundError:
            text = Dotenv(b"")
        return PreviousPairs(text, self._names)


def _is_text(value: object) -> bool:
    try:
        return isinstance(value, str) and value.encode("utf-8", "surrogateescape") is not None
    except UnicodeEncodeError:
        return False
