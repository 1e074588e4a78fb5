"""A pair, and what stands beside it in its secret, as environment variables."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from mpesa_secrets.credentials import Credentials, Secret
from mpesa_secrets.deadline import Deadline
from mpesa_secrets.errors import MalformedSecret, StoreUnavailable
from mpesa_secrets.stores import StoreDoor

if TYPE_CHECKING:
    from mpesa_secrets.settings import Settings
    from mpesa_secrets.tokens import AccessToken

PAIR = ("MPESA_CONSUMER_KEY", "MPESA_CONSUMER_SECRET")
TOKEN = "MPESA_ACCESS_TOKEN"
# Where a word begins: `shortCode`, `apiURLPath`, `B2CShortCode`.
_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z0-9])(?=[A-Z][a-z])")


class Variables:
    """Variables for a process to start with; no repr shows a value.

    Args:
        credentials: become MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET.

    Attributes:
        values: variable to value; booleans and numbers have their types.

    Raises:
        MalformedSecret: no environment can hold a value.
    """

    __slots__ = ("values",)

    def __init__(self, credentials: Credentials) -> None:
        self.values: dict[str, str | float] = {
            PAIR[0]: credentials.consumer_key,
            PAIR[1]: credentials.consumer_secret,
        }
        for name in PAIR:
            self._check(name)

    def __repr__(self) -> str:
        return f"Variables({', '.join(self.values)})"

    def add_neighbours(self, secret: Secret, pair: tuple[str, str]) -> None:
        """Add every other scalar field; null, lists and objects are left out.

        Args:
            secret: what the store holds.
            pair: the names of the two fields in it that hold the pair.

        Raises:
            MalformedSecret: two fields make one variable, or no environment can hold a value.
        """
        for field in secret.fields:
            if field not in pair and isinstance(secret.fields[field], str | float | int):
                self._add(variable(field), secret, field)

    def add_token(self, token: AccessToken) -> None:
        """Add MPESA_ACCESS_TOKEN, in place of a field of that name."""
        self.values[TOKEN] = token.value

    def text(self, name: str) -> str:
        """A value as text, booleans and numbers in JSON's spelling."""
        return str(self.values[name]) if isinstance(self.values[name], str) else json.dumps(self.values[name])

    def encoded(self, name: str) -> bytes:
        """A value as the kernel takes it; bytes that are no UTF-8 come out of an `env://` as they went in."""
        return self.text(name).encode("utf-8", "surrogateescape")

    def _add(self, name: str, secret: Secret, field: str) -> None:
        if name in self.values:
            raise MalformedSecret(f"field {field}: makes {name}, as another field does", hint="rename one of the two")
        self.values[name] = secret.fields[field]  # type: ignore[assignment]  # the caller has seen that it is a scalar
        self._check(name)

    def _check(self, name: str) -> None:
        try:
            possible = b"\0" not in self.encoded(name)
        except UnicodeEncodeError:
            possible = False
        if not possible:
            raise MalformedSecret(
                f"{name}: the value holds NUL or half a character, and no environment can", hint="store it again"
            )


def variable(field: str) -> str:
    """The variable of a field: `initiatorName` makes MPESA_INITIATOR_NAME; so does `MPESA_INITIATOR_NAME`."""
    name = re.sub(r"[^A-Za-z0-9]", "_", _WORD.sub("_", field)).upper()
    return "MPESA_" + re.sub(r"^(MPESA_)+", "", name)


def gather(settings: Settings, *, everything: bool = False, with_token: bool = False) -> Variables:
    """The pair out of the store, within the settings' time-out.

    Args:
        settings: the store, and Daraja.
        everything: also the other scalar fields of the secret.
        with_token: also an access token.

    Raises:
        MpesaSecretsError: one of them is not to be had, or does not fit into an environment.
    """
    deadline = Deadline(settings.timeout)
    if with_token:
        return _with_token(settings, everything, deadline)
    door = StoreDoor(settings.url)
    secret = _read(door, settings, deadline)
    variables = Variables(door.pair(secret))
    if everything:
        variables.add_neighbours(secret, door.pair_fields.find(secret))
    return variables


def _with_token(settings: Settings, everything: bool, deadline: Deadline) -> Variables:
    """The token goes first: on the way to it, a pair that was rotated meanwhile is read again."""
    from mpesa_secrets.client import Mpesa

    mpesa = Mpesa(settings)
    token = mpesa.token()
    variables = Variables(mpesa.credentials())
    if everything:
        secret = _read(mpesa.store, settings, deadline)
        variables.add_neighbours(secret, mpesa.store.pair_fields.find(secret))
    variables.add_token(token)
    return variables


def _read(door: StoreDoor, settings: Settings, deadline: Deadline) -> Secret:
    from mpesa_secrets.flights import bounded

    def overdue() -> StoreUnavailable:
        return StoreUnavailable(f"{door.name}: no answer within {settings.timeout:g} s", hint="is the store up?")

    return bounded(lambda left: door.read(left.left()), deadline, overdue)
