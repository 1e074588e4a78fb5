"""The environment store: which variables are a secret, and which URLs there are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

import pytest

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import ConfigurationError, MalformedSecret, SecretNotFound
from mpesa_secrets.stores import StoreDoor, WritableStore
from mpesa_secrets.testing.stores import StoreContract
from tests.leaks import secrets_in_traceback


class TestEnvironmentStore(StoreContract):
    """The contract, for a store that can only be read."""

    key_field = "CONSUMER_KEY"
    secret_field = "CONSUMER_SECRET"
    neighbours: ClassVar[Mapping[str, object]] = {"PASSKEY": "it's $1 #2\n", "EMPTY": ""}

    @pytest.fixture
    def url_holding(self, monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, object]], str]:
        """This process's environment."""

        def url_holding(fields: Mapping[str, object]) -> str:
            for name, value in fields.items():
                monkeypatch.setenv(f"MPESA_{name}", str(value))
            return "env://"

        return url_holding

    @pytest.fixture
    def url_of_nothing(self) -> str:
        """A prefix that no variable has."""
        return "env://ABSENT_"


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets environment variables."""

    def variables(**values: str) -> None:
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return variables


def read(url: str) -> Secret:
    """What the store of a URL reads."""
    return StoreDoor(url).read(1)


def test_the_environment_cannot_be_written() -> None:
    """It lacks the methods, rather than refusing in them."""
    store = StoreDoor("env://")
    assert not isinstance(store.store(), WritableStore)
    assert not any(store.can(method) for method in ("write", "read_version", "history", "promote", "annotate"))


def test_a_prefix_keeps_its_case(variables: Callable[..., None]) -> None:
    """Host names in URLs have none, names of variables do."""
    variables(Shop_CONSUMER_KEY="k", Shop_CONSUMER_SECRET="s", SHOP_CONSUMER_KEY="other", MPESA_CONSUMER_KEY="other")
    assert read("env://Shop_").fields == {"CONSUMER_KEY": "k", "CONSUMER_SECRET": "s"}


def test_variables_named_outright_are_fields_under_their_full_names(variables: Callable[..., None]) -> None:
    """Each variable is one field only, by its full name where the URL says that."""
    variables(DARAJA_KEY="k", MPESA_HUSH="s", MPESA_PASSKEY="p", MPESA_DARAJA_KEY="hidden by the outright one")
    secret = read("env://?key_field=DARAJA_KEY&secret_field=MPESA_HUSH")
    assert secret.fields == {"DARAJA_KEY": "k", "MPESA_HUSH": "s", "PASSKEY": "p"}


def test_a_field_may_be_named_without_the_prefix_too(variables: Callable[..., None]) -> None:
    """As in the other stores, where fields have no prefix."""
    variables(MPESA_APP_KEY="k", MPESA_APP_SECRET="s")
    found = StoreDoor("env://?key_field=APP_KEY&secret_field=APP_SECRET").credentials(1)
    assert (found.consumer_key, found.consumer_secret) == ("k", "s")


@pytest.mark.parametrize(
    ("url", "values", "text"),
    [
        ("env://", {}, "MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET: not set in the environment"),
        (
            "env://",
            {"MPESA_CONSUMER_KEY": "", "MPESA_CONSUMER_SECRET": ""},
            "MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET",
        ),
        ("env://", {"MPESA_CONSUMER_KEY": "k"}, "MPESA_CONSUMER_SECRET: not set in the environment, though MPESA_CO"),
        ("env://A_", {"A_CONSUMER_SECRET": "hush"}, "A_CONSUMER_KEY: not set in the environment, though A_CONSUMER_S"),
        ("env://?key_field=K&secret_field=S", {"S": "hush"}, "K: not set in the environment, though S is"),
        ("env://?key_field=K", {}, "K and MPESA_CONSUMER_SECRET: not set"),
    ],
)
def test_missing_variables_are_named_in_full(
    url: str, values: dict[str, str], text: str, variables: Callable[..., None]
) -> None:
    """So that they can be copied out of the message; an empty one is as good as none."""
    variables(**values)
    with pytest.raises(SecretNotFound) as refusal:
        read(url)
    assert text in str(refusal.value)
    assert refusal.value.hint
    assert secrets_in_traceback(refusal.value, ["hush"]) == []


def test_bytes_that_are_no_text_are_malformed(monkeypatch: pytest.MonkeyPatch) -> None:
    """They could not be sent to Daraja; in a neighbour they trouble nobody."""
    monkeypatch.setitem(os.environ, "MPESA_CONSUMER_KEY", "k")
    monkeypatch.setitem(os.environ, "MPESA_CONSUMER_SECRET", "s")
    monkeypatch.setitem(os.environ, "MPESA_NOTE", "\udcff")
    assert read("env://").fields["NOTE"] == "\udcff"
    monkeypatch.setitem(os.environ, "MPESA_CONSUMER_SECRET", "hush\udcff")
    with pytest.raises(MalformedSecret, match="CONSUMER_SECRET: holds bytes that are not UTF-8") as refusal:
        read("env://")
    assert secrets_in_traceback(refusal.value, ["hush"]) == []


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("env://{}/.env", ".env"),
        ("env://?file=.env", ".env"),
        ("env://?file={}/.env", ".env"),
        ("env://{}/my%20caf%C3%A9.env", "my café.env"),
        ("env://?file=c%2B%2B%2F.env", "c++/.env"),
        ("env://?file=c++/.env", "c++/.env"),
        ("env://{}/%23%3F.env", "#?.env"),
    ],
)
def test_a_path_is_percent_decoded(url: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Absolute as path or parameter, relative as parameter from the working directory; nothing else is decoded."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("MPESA_CONSUMER_KEY=k\nMPESA_CONSUMER_SECRET=s\n")
    assert read(url.format(tmp_path)).fields == {"CONSUMER_KEY": "k", "CONSUMER_SECRET": "s"}


def test_prefix_and_file_combine(tmp_path: Path) -> None:
    """Several applications share one file."""
    (tmp_path / ".env").write_text("A_CONSUMER_KEY=a\nA_CONSUMER_SECRET=s\nMPESA_CONSUMER_KEY=k\n")
    assert read(f"env://A_?file={tmp_path}/.env").fields == {"CONSUMER_KEY": "a", "CONSUMER_SECRET": "s"}


def test_a_relative_file_stays_the_same_when_the_process_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is opened once, where it was first asked."""
    (tmp_path / ".env").write_text("MPESA_CONSUMER_KEY=k\nMPESA_CONSUMER_SECRET=s\n")
    monkeypatch.chdir(tmp_path)
    store = StoreDoor("env://?file=.env")
    store.read(1)
    monkeypatch.chdir("/")
    assert store.credentials(1).consumer_key == "k"


@pytest.mark.parametrize(
    "url",
    [
        "env://NAME_/path",
        "env://path/.env",
        "env://.env",
        "env://~/.env",
        "env://1A_",
        "env://user@NAME_",
        "env://NAME_:80",
        "env://NAME_:x",
        "env:///path?file=other",
        "env://?file=",
        "env://?flie=.env",
        "env:///path#fragment",
        "env:///a%00b",
    ],
)
def test_other_shapes_are_refused_with_a_hint(url: str) -> None:
    """None of them silently means the process environment."""
    with pytest.raises(ConfigurationError) as refusal:
        read(url)
    assert url.partition("?")[0] in str(refusal.value)
