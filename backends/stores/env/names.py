"""Which variables belong to a secret, and under which field names."""

from __future__ import annotations

from collections.abc import Mapping

from mpesa_secrets.credentials import SPELLINGS, PairFields, Secret
from mpesa_secrets.errors import MalformedSecret, SecretNotFound, StoreError

_ELSEWHERE = "set both there, or name another store with MPESA_SECRETS_URL or --url"


class VariableNames:
    """The variables with one prefix, and those that the URL names outright.

    Args:
        prefix: what the variables begin with; a field's name is the rest.
        pair: the pair's names; a variable that it names is a field under its own full name.
    """

    __slots__ = ("pair", "prefix")

    def __init__(self, prefix: str, pair: PairFields) -> None:
        self.prefix = prefix
        self.pair = pair

    @property
    def _outright(self) -> set[str]:
        return {name for name in (self.pair.key_field, self.pair.secret_field) if name}

    def _spellings(self) -> list[tuple[str, str]]:
        upper_first = sorted(SPELLINGS, key=lambda names: names != ("CONSUMER_KEY", "CONSUMER_SECRET"))
        return [(self.pair.key_field or key, self.pair.secret_field or secret) for key, secret in upper_first]

    def may_be_pair(self, field: str) -> bool:
        """Whether a field of this name is half of the pair in some spelling."""
        return any(field in names for names in self._spellings())

    def may_hold_pair(self, variable: str) -> bool:
        """Whether a variable of this name is."""
        return variable in self._outright or (
            variable.startswith(self.prefix) and self.may_be_pair(variable.removeprefix(self.prefix))
        )

    def fields(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The secret's fields out of all the variables; each variable at most once."""
        outright = self._outright & variables.keys()
        fields = {
            name.removeprefix(self.prefix): value
            for name, value in variables.items()
            if name.startswith(self.prefix) and name != self.prefix and name not in outright
        }
        return fields | {name: variables[name] for name in outright}

    def variable(self, field: str, variables: Mapping[str, str]) -> str:
        """The variable that holds a field, or would hold it."""
        prefixed = self.prefix + field
        if field in self._outright and (field in variables or prefixed not in variables):
            return field
        return prefixed

    def pair_variables(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The pair's two variables with their values, the key first; empty where no usable pair is."""
        secret = Secret(self.fields(variables))
        try:
            return {self.variable(name, variables): str(secret.fields[name]) for name in self.pair.find(secret)}
        except StoreError:
            return {}

    def checked(self, secret: Secret, where: str) -> Secret:
        """The secret itself, once its pair is found in it.

        Args:
            secret: fields as `fields` returns them.
            where: `in …`, for the messages.

        Raises:
            SecretNotFound: one variable of the pair, or both, are not there.
            MalformedSecret: the pair is empty, or not UTF-8.
        """
        try:
            pair = self.pair.find(secret)
        except SecretNotFound:
            raise self._not_found(secret, where) from None
        except MalformedSecret as error:
            raise MalformedSecret(f"{error} {where}", hint=error.hint) from None
        for name in pair:
            if not _encodable(secret.fields[name]):
                raise MalformedSecret(f"field {name}: holds bytes that are not UTF-8 {where}")
        return secret

    def _not_found(self, secret: Secret, where: str) -> SecretNotFound:
        for names in self._spellings():
            missing = [name for name in names if name not in secret.fields]
            if len(missing) == 1:
                there = names[0] if missing[0] == names[1] else names[1]
                text = f"{self._full(missing[0])}: not set {where}, though {self._full(there)} is"
                return SecretNotFound(text, hint="set both in the same place")
        key, other = self._spellings()[0]
        return SecretNotFound(f"{self._full(key)} and {self._full(other)}: not set {where}", hint=_ELSEWHERE)

    def _full(self, field: str) -> str:
        return field if field in self._outright else self.prefix + field


def _encodable(value: object) -> bool:
    try:
        str(value).encode()
    except UnicodeEncodeError:
        return False
    return True
