"""Every error that mpesa-secrets raises, with its verdict.

MpesaSecretsError                 exit 1
├── ConfigurationError            exit 3   a setting, a URL or a package is wrong or missing
├── MalformedPair                 exit 2   the pair given to a rotation cannot be one
├── StoreError                    exit 4
│   ├── SecretNotFound                     the store answers, the pair is not in it
│   ├── AccessDenied                       the store knows us and says no
│   ├── StoreUnavailable                   no answer in time; retryable
│   ├── MalformedSecret                    something is there, but no usable pair
│   ├── Conflict                  exit 7   somebody else changed the secret meanwhile
│   └── ReadOnlyStore                      this store cannot be written
├── DarajaError                   exit 6
│   ├── CredentialsRejected       exit 5   Daraja refuses the pair
│   ├── DarajaUnavailable                  network, throttled, time up; retryable
│   ├── RequestBlocked                     the firewall before Daraja; retryable
│   └── UnexpectedAnswer                   an answer that Daraja does not document
└── RotationError
    ├── RolledBack                exit 8   the previous pair was put back
    ├── RollbackFailed            exit 9   a person is needed
    └── Interrupted               exit 130 what was begun has been put back
"""

from __future__ import annotations


class MpesaSecretsError(Exception):
    """The root of them all.

    Attributes:
        hint: what to do about it, one sentence, or None.
        retryable: whether the same call may succeed later with nothing changed.
        exit_code: what the command line ends with.
        request_id: Daraja's requestId, which Safaricom's support asks for, or None.
    """

    exit_code = 1
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.request_id = request_id
        if retryable is not None:
            self.retryable = retryable


class ConfigurationError(MpesaSecretsError):
    """A setting, a URL, a login or an installed package is wrong or missing."""

    exit_code = 3


class MalformedPair(MpesaSecretsError):
    """The pair given to a rotation cannot be a Daraja pair."""

    exit_code = 2


class StoreError(MpesaSecretsError):
    """The store did not give or take the secret."""

    exit_code = 4


class SecretNotFound(StoreError):
    """The store answers, but the pair is not there."""


class AccessDenied(StoreError):
    """The store refuses this identity."""


class StoreUnavailable(StoreError):
    """The store could not be reached, or not in time."""

    retryable = True


class MalformedSecret(StoreError):
    """Something is stored, but no usable pair can be made of it."""


class Conflict(StoreError):
    """Somebody else changed the secret meanwhile; what they wrote stays."""

    exit_code = 7


class ReadOnlyStore(StoreError):
    """The store has no way to be written."""


class DarajaError(MpesaSecretsError):
    """Daraja gave no token."""

    exit_code = 6


class CredentialsRejected(DarajaError):
    """Daraja refuses this consumer key and secret."""

    exit_code = 5


class DarajaUnavailable(DarajaError):
    """Daraja could not be asked: network, throttling, or the time was up."""

    retryable = True


class RequestBlocked(DarajaError):
    """The firewall before Daraja answered in its place."""

    retryable = True


class UnexpectedAnswer(DarajaError):
    """Daraja, or something in its place, answered what nobody documents."""


class RotationError(MpesaSecretsError):
    """A rotation failed after it had begun to write."""


class RolledBack(RotationError):
    """The rotation failed; the previous pair was put back and checked."""

    exit_code = 8


class RollbackFailed(RotationError):
    """The rotation failed and the previous pair could not be put back."""

    exit_code = 9


class Interrupted(RotationError):
    """A signal ended the rotation; what was begun has been put back."""

    exit_code = 130
