"""The door to a store: found at once, opened late, never letting a foreign error through."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import (
    AccessDenied,
    ConfigurationError,
    MalformedSecret,
    MpesaSecretsError,
    SecretNotFound,
    StoreError,
)
from mpesa_secrets.stores import StagingStore, StoreDoor, WritableStore
from tests.distributions import install
from tests.leaks import secrets_in_traceback

STORE = """
from mpesa_secrets import AccessDenied, Secret

READS = []
FIELDS = {"consumer_key": "key-1", "consumer_secret": "hush-1"}

class Store:
    def __init__(self, url): self.url = url
    def read(self, timeout): READS.append(("read", timeout)); return Secret(FIELDS, "v1")
    def fail(self, secret, timeout): raise KeyError(secret.fields["consumer_secret"])
    def deny(self, timeout): raise AccessDenied("acme: no", hint="ask")
    def stop(self, timeout): raise KeyboardInterrupt
    def leave(self, timeout): raise SystemExit(0)
"""
FRESH = (
    STORE
    + """
    def reread(self, timeout): READS.append(("reread", timeout)); return Secret(FIELDS, "v2")
"""
)


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Installs a plugin for `acme://` with the given source, for this test."""

    def acme(source: str) -> None:
        install(tmp_path, "acme-store", {"acme": "acme_store:Store"}, {"acme_store": source})
        monkeypatch.syspath_prepend(tmp_path)

    yield acme
    sys.modules.pop("acme_store", None)
    monkeypatch.undo()


def test_an_unknown_scheme_fails_at_once() -> None:
    """Before anything is opened, and without the password that the URL may hold."""
    with pytest.raises(ConfigurationError, match=r"MPESA_SECRETS_URL nope://u:\*\*\*@h: no plugin") as refusal:
        StoreDoor("nope://u:hush@h")
    assert "env" in str(refusal.value.hint)


def test_a_plugin_is_imported_when_it_is_first_used(acme: Callable[[str], None]) -> None:
    """Making the door costs a look at metadata and nothing else."""
    acme(STORE)
    door = StoreDoor("acme://x?y=1")
    assert "acme_store" not in sys.modules
    assert door.store().url == "acme://x?y=1"
    assert door.store() is door.store()


def test_the_scheme_has_no_case(acme: Callable[[str], None]) -> None:
    """As in every URL."""
    acme(STORE)
    assert StoreDoor("ACME://x").read(1).version == "v1"


def test_a_reopened_door_has_a_store_of_its_own(acme: Callable[[str], None]) -> None:
    """For reading back what was written over another connection."""
    acme(STORE)
    door = StoreDoor("acme://x")
    assert door.reopened().store() is not door.store()
    assert door.reopened().url == door.url


def test_a_fresh_read_goes_past_caches_where_the_store_can(acme: Callable[[str], None]) -> None:
    """`reread` is for that; a store without it is read."""
    acme(FRESH)
    door = StoreDoor("acme://x")
    assert (door.read(3).version, door.read(4, fresh=True).version) == ("v1", "v2")
    assert sys.modules["acme_store"].READS == [("read", 3), ("reread", 4)]


def test_a_fresh_read_of_a_store_without_caches_is_a_read(acme: Callable[[str], None]) -> None:
    """Nothing needs to be there for it."""
    acme(STORE)
    assert StoreDoor("acme://x").credentials(1, fresh=True).version == "v1"


def test_what_a_store_can_is_what_methods_it_has(acme: Callable[[str], None]) -> None:
    """All that are asked for, or no."""
    acme(STORE)
    door = StoreDoor("acme://x")
    assert door.can("read", "deny")
    assert not door.can("read", "write")
    assert not isinstance(door.store(), WritableStore | StagingStore)


def test_a_foreign_error_tells_its_class_and_place_only(acme: Callable[[str], None]) -> None:
    """Neither text nor traceback shows the secret that it holds."""
    acme(STORE)
    with pytest.raises(StoreError) as refusal:
        StoreDoor("acme://x").call("fail", Secret({"consumer_secret": "hush-1"}), timeout=1)
    assert str(refusal.value) == "acme://x: the plugin failed with KeyError at acme_store:10"
    assert secrets_in_traceback(refusal.value, ["hush-1"]) == []


def test_our_own_errors_pass_as_they_are(acme: Callable[[str], None]) -> None:
    """The store knows best what went wrong."""
    acme(STORE)
    with pytest.raises(AccessDenied, match=r"^acme: no$") as refusal:
        StoreDoor("acme://x").call("deny", timeout=1)
    assert refusal.value.hint == "ask"


def test_an_interrupt_passes(acme: Callable[[str], None]) -> None:
    """It is no fault of the plugin."""
    acme(STORE)
    with pytest.raises(KeyboardInterrupt):
        StoreDoor("acme://x").call("stop", timeout=1)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"passkey": "hush-1"}, SecretNotFound),
        ({"consumer_key": "", "consumer_secret": "hush-1"}, MalformedSecret),
    ],
)
def test_a_secret_without_a_pair_names_the_store(
    acme: Callable[[str], None], fields: dict[str, object], error: type[MpesaSecretsError]
) -> None:
    """The field is not enough where there are many stores."""
    acme(STORE)
    door = StoreDoor("acme://u:hush-2@x")
    with pytest.raises(error, match=r"^acme://u:\*\*\*@x: field") as refusal:
        door.pair(Secret(fields))
    assert refusal.value.hint
    assert secrets_in_traceback(refusal.value, ["hush-1"]) == []


def test_the_url_names_the_fields_of_the_pair(acme: Callable[[str], None]) -> None:
    """For every store alike."""
    acme(STORE)
    door = StoreDoor("acme://x?key_field=a&secret_field=b%20c")
    assert door.pair(Secret({"a": "k", "b c": "s"})).consumer_secret == "s"


def test_the_door_shows_no_password() -> None:
    """Neither by name nor by repr."""
    door = StoreDoor("env://?token=hush")
    assert "hush" not in f"{door!r} {door} {door.name}"


def test_a_plugin_that_exits_has_failed(acme: Callable[[str], None]) -> None:
    """Or a wrapper around it would take an outage for success."""
    acme(STORE)
    with pytest.raises(StoreError, match="SystemExit at acme_store:"):
        StoreDoor("acme://x").call("leave", timeout=1)
