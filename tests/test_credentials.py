"""The pair in a secret: the spellings in the wild, and what is said where there is none."""

from __future__ import annotations

import copy

import pytest

from mpesa_secrets.credentials import SPELLINGS, Credentials, PairFields, Secret
from mpesa_secrets.errors import MalformedSecret, SecretNotFound, StoreError
from tests.leaks import secrets_in_traceback, shows


@pytest.mark.parametrize(("key", "secret"), SPELLINGS)
def test_every_spelling_is_found(key: str, secret: str) -> None:
    """With its neighbours around it, and the version at which it was read."""
    found = PairFields().credentials(Secret({"passkey": "p", key: "k", secret: "s"}, "v7"))
    assert (found.consumer_key, found.consumer_secret, found.version) == ("k", "s", "v7")


def test_the_spellings_are_those_that_are_promised() -> None:
    """In the order in which they count."""
    keys = [key for key, _ in SPELLINGS]
    assert keys == ["consumer_key", "consumerKey", "CONSUMER_KEY", "MPESA_CONSUMER_KEY"]
    assert [secret for _, secret in SPELLINGS] == [
        key.replace("KEY", "SECRET").replace("key", "secret").replace("Key", "Secret") for key in keys
    ]


def test_of_several_pairs_the_first_complete_one_counts() -> None:
    """Half a pair, or an empty one, of an earlier spelling is passed over."""
    half = {"consumer_key": "no", "consumerKey": "no", "consumerSecret": ""}
    both = {"CONSUMER_KEY": "k", "CONSUMER_SECRET": "s", "MPESA_CONSUMER_KEY": "no", "MPESA_CONSUMER_SECRET": "no"}
    assert PairFields().find(Secret({**both, **half})) == ("CONSUMER_KEY", "CONSUMER_SECRET")


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (PairFields("a", "b"), ("a", "b")),
        (PairFields("a", None), ("a", "consumerSecret")),
        (PairFields(None, "b"), ("consumerKey", "b")),
    ],
)
def test_names_in_the_url_come_before_spellings(names: PairFields, found: tuple[str, str]) -> None:
    """One of the two may be named alone."""
    assert names.find(Secret({"a": "1", "b": "2", "consumerKey": "3", "consumerSecret": "4"})) == found


@pytest.mark.parametrize(
    ("fields", "names", "error", "text"),
    [
        ({}, PairFields(), SecretNotFound, "fields consumer_key and consumer_secret: not in the secret"),
        ({"passkey": "hush"}, PairFields("a", "b"), SecretNotFound, "fields a and b: not in the secret"),
        ({"consumerSecret": "hush"}, PairFields(), SecretNotFound, "field consumerKey: missing, though consumerSecret"),
        ({"consumerKey": "k"}, PairFields(None, "b"), SecretNotFound, "field b: missing, though consumerKey"),
        ({"consumer_key": "", "consumer_secret": "hush"}, PairFields(), MalformedSecret, "field consumer_key: empty"),
        ({"a": "hush", "b": 12}, PairFields("a", "b"), MalformedSecret, "field b: is int, not a string"),
        ({"a": None, "b": "hush"}, PairFields("a", "b"), MalformedSecret, "field a: is NoneType, not a string"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    fields: dict[str, object], names: PairFields, error: type[StoreError], text: str
) -> None:
    """By its field, without a value."""
    with pytest.raises(error) as refusal:
        names.credentials(Secret(fields))
    assert str(refusal.value).startswith(text)
    assert secrets_in_traceback(refusal.value, ["hush"]) == []


def test_a_secret_shows_names_only() -> None:
    """However it is printed."""
    secret = Secret({"consumer_secret": "hush-1", "n": {"deep": "hush-1"}}, "v1")
    assert not shows(f"{secret} {secret!r} {[secret]}", ["hush-1"])
    assert repr(secret) == "Secret(fields=['consumer_secret', 'n'], version='v1')"


def test_credentials_show_their_fingerprint_only() -> None:
    """However they are printed; nor do they show the key, an identifier though it is."""
    pair = Credentials("key-1", "hush-1", "v1")
    shown = f"{pair} {pair!r} {[pair]}"
    assert not shows(shown, ["hush-1", "key-1"])
    assert pair.fingerprint in shown


def test_fingerprints_tell_pairs_apart() -> None:
    """12 hex digits, the same for the same pair, on every machine and whatever the version."""
    one = Credentials("key", "hush", "v1").fingerprint
    assert one == Credentials("key", "hush", "v2").fingerprint == "299946be1325"
    others = [("keyh", "ush"), ("hush", "key"), ("key", "hush ")]
    assert len({one, *(Credentials(*pair).fingerprint for pair in others)}) == 4


def test_the_same_pair_at_another_version_is_another_state() -> None:
    """`same_pair` looks at the pair alone, equality at the version too."""
    first, second = Credentials("k", "s", "1"), Credentials("k", "s", "2")
    assert first.same_pair(second)
    assert first != second
    assert {first, copy.copy(first), second} == {second, first}
    assert not first.same_pair(Credentials("k", "other", "1"))
