"""The secret as a store holds it, and the consumer key and secret found in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mpesa_secrets.errors import MalformedSecret, SecretNotFound

# The spellings in the wild; of several, the first complete pair in this order counts.
SPELLINGS = (
    ("consumer_key", "consumer_secret"),
    ("consumerKey", "consumerSecret"),
    ("CONSUMER_KEY", "CONSUMER_SECRET"),
    ("MPESA_CONSUMER_KEY", "MPESA_CONSUMER_SECRET"),
)
# Keeps our fingerprints apart from any other SHA-256 over the same values.
_FINGERPRINT_PREFIX = b"mpesa-secrets pair v1\x00"


class Secret:
    """One secret as a store holds it: its fields, and the version they were read at.

    Args:
        fields: field name to value; the pair and its neighbours, with their types.
        version: the store's own name for this state, or None where it has none.
    """

    __slots__ = ("fields", "version")

    def __init__(self, fields: Mapping[str, object], version: str | None = None) -> None:
        self.fields = fields
        self.version = version

    def __repr__(self) -> str:
        return f"Secret(fields={sorted(self.fields)}, version={self.version!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.fields, self.version) == (other.fields, other.version)

    __hash__ = None  # type: ignore[assignment]  # fields are mutable mappings


class Credentials:
    """A consumer key and secret.

    Attributes:
        consumer_key: the application's identifier.
        consumer_secret: its secret; never shown by repr, str or format.
        version: the store's version it was read at, or None.
    """

    __slots__ = ("consumer_key", "consumer_secret", "version")

    def __init__(self, consumer_key: str, consumer_secret: str, version: str | None = None) -> None:
        self.consumer_key = consumer_key
        self.consumer_secret = consumer_secret
        self.version = version

    @property
    def fingerprint(self) -> str:
        """12 hex digits that tell pairs apart without showing them."""
        import hashlib

        pair = f"{self.consumer_key}\x00{self.consumer_secret}".encode("utf-8", "surrogatepass")
        return hashlib.sha256(_FINGERPRINT_PREFIX + pair).hexdigest()[:12]

    def same_pair(self, other: Credentials) -> bool:
        """Whether key and secret are equal, whatever the versions."""
        return (self.consumer_key, self.consumer_secret) == (other.consumer_key, other.consumer_secret)

    def __repr__(self) -> str:
        return f"Credentials(fingerprint={self.fingerprint!r}, version={self.version!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Credentials) and self.same_pair(other) and self.version == other.version

    def __hash__(self) -> int:
        return hash((self.consumer_key, self.consumer_secret, self.version))


class PairFields:
    """Which two fields of a secret hold the pair.

    Args:
        key_field: the consumer key's field name, where `?key_field=` names one.
        secret_field: likewise the consumer secret's.
    """

    __slots__ = ("key_field", "secret_field")

    def __init__(self, key_field: str | None = None, secret_field: str | None = None) -> None:
        self.key_field = key_field
        self.secret_field = secret_field

    def _spellings(self) -> Iterator[tuple[str, str]]:
        for key, secret in SPELLINGS:
            yield self.key_field or key, self.secret_field or secret

    def find(self, secret: Secret) -> tuple[str, str]:
        """The names of the two fields that hold the pair.

        Raises:
            SecretNotFound: one of the two names, or both, are in no spelling there.
            MalformedSecret: the names are there, but a value is empty or no string.
        """
        # Only the Secret itself is a local here: its repr hides what a mapping's would show.
        for names in self._spellings():
            if all(_usable(secret.fields.get(name)) for name in names):
                return names
        for names in self._spellings():
            if all(name in secret.fields for name in names):
                wrong = next(name for name in names if not _usable(secret.fields[name]))
                raise MalformedSecret(
                    f"field {wrong}: {_complaint(secret.fields[wrong])}", hint="store it as a non-empty string"
                )
        raise self._not_found(secret)

    def _not_found(self, secret: Secret) -> SecretNotFound:
        for key, other in self._spellings():
            if (key in secret.fields) != (other in secret.fields):
                there, missing = (key, other) if key in secret.fields else (other, key)
                return SecretNotFound(f"field {missing}: missing, though {there} is there")
        key, other = next(self._spellings())
        return SecretNotFound(
            f"fields {key} and {other}: not in the secret",
            hint="store the pair under these names, or name its fields with ?key_field= and ?secret_field=",
        )

    def credentials(self, secret: Secret) -> Credentials:
        """The pair in a secret; raises what `find` raises."""
        key_field, secret_field = self.find(secret)
        return Credentials(str(secret.fields[key_field]), str(secret.fields[secret_field]), secret.version)


def _usable(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _complaint(value: object) -> str:
    return "empty" if value == "" else f"is {type(value).__name__}, not a string"
