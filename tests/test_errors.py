"""The errors: one tree, each with its verdict."""

from __future__ import annotations

import copy
import pickle

import pytest

from mpesa_secrets import errors
from mpesa_secrets.errors import DarajaUnavailable, MpesaSecretsError, UnexpectedAnswer

EXIT_CODES = {
    "MpesaSecretsError": 1,
    "ConfigurationError": 3,
    "MalformedPair": 2,
    "StoreError": 4,
    "SecretNotFound": 4,
    "AccessDenied": 4,
    "StoreUnavailable": 4,
    "MalformedSecret": 4,
    "Conflict": 7,
    "ReadOnlyStore": 4,
    "DarajaError": 6,
    "CredentialsRejected": 5,
    "DarajaUnavailable": 6,
    "RequestBlocked": 6,
    "UnexpectedAnswer": 6,
    "RotationError": 1,
    "RolledBack": 8,
    "RollbackFailed": 9,
    "Interrupted": 130,
}
PARENTS = {
    "StoreError": [
        "SecretNotFound",
        "AccessDenied",
        "StoreUnavailable",
        "MalformedSecret",
        "Conflict",
        "ReadOnlyStore",
    ],
    "DarajaError": ["CredentialsRejected", "DarajaUnavailable", "RequestBlocked", "UnexpectedAnswer"],
    "RotationError": ["RolledBack", "RollbackFailed", "Interrupted"],
    "MpesaSecretsError": ["ConfigurationError", "MalformedPair", "StoreError", "DarajaError", "RotationError"],
}


def tree() -> dict[str, type[MpesaSecretsError]]:
    """Every error of the module by name."""
    found = {name: thing for name, thing in vars(errors).items() if isinstance(thing, type)}
    return {name: thing for name, thing in found.items() if issubclass(thing, MpesaSecretsError)}


def test_every_error_has_the_documented_exit_code() -> None:
    """None is missing in the table, none is too many."""
    assert {name: error.exit_code for name, error in tree().items()} == EXIT_CODES


@pytest.mark.parametrize("parent", PARENTS)
def test_every_error_stands_where_the_tree_shows_it(parent: str) -> None:
    """`except StoreError` catches the stores' errors, and so on."""
    children = [name for name, error in tree().items() if tree()[parent] in error.__bases__]
    assert children == PARENTS[parent]


def test_every_error_is_importable_from_the_package() -> None:
    """Applications need to know one place."""
    import mpesa_secrets

    assert all(getattr(mpesa_secrets, name) is error for name, error in tree().items())


def test_only_outages_are_retryable() -> None:
    """What the same call may cure by itself, and what it cannot."""
    retryable = {name for name, error in tree().items() if error("x").retryable}
    assert retryable == {"StoreUnavailable", "DarajaUnavailable", "RequestBlocked"}


def test_an_error_may_know_better_whether_to_retry() -> None:
    """For the one that it is told to, not for its class."""
    assert UnexpectedAnswer("x", retryable=True).retryable
    assert not DarajaUnavailable("x", retryable=False).retryable
    assert not UnexpectedAnswer("x").retryable


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301
def test_a_copy_keeps_all_that_the_error_knows(again: type[MpesaSecretsError]) -> None:
    """A failure shared by many waiters is raised once for each of them, in other processes too."""
    error = DarajaUnavailable("what: why", hint="wait", request_id="r-1", retryable=False)
    twin = again(error)  # type: ignore[arg-type]
    assert type(twin) is DarajaUnavailable
    assert (str(twin), twin.hint, twin.request_id, twin.retryable) == ("what: why", "wait", "r-1", False)
