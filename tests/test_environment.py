"""Pairs and their neighbours as environment variables."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from mpesa_secrets import AccessToken, Credentials, MalformedSecret, Secret, Settings, StoreUnavailable
from mpesa_secrets.environment import Variables, gather, variable
from mpesa_secrets.simulator import Simulator
from tests.leaks import secrets_in_traceback
from tests.program import KEY, SECRET
from tests.shelf import Shelf, install

PAIR = ("consumer_key", "consumer_secret")


def collected(fields: dict[str, object]) -> Variables:
    """The variables of a secret with these fields beside its pair."""
    variables = Variables(Credentials(KEY, SECRET))
    variables.add_neighbours(Secret({"consumer_key": KEY, "consumer_secret": SECRET, **fields}), PAIR)
    return variables


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf:
    install(tmp_path, monkeypatch)
    return Shelf("environment", KEY, SECRET)


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("passkey", "MPESA_PASSKEY"),
        ("initiator_name", "MPESA_INITIATOR_NAME"),
        ("initiatorName", "MPESA_INITIATOR_NAME"),
        ("InitiatorName", "MPESA_INITIATOR_NAME"),
        ("MPESA_PASSKEY", "MPESA_PASSKEY"),
        ("mpesa_passkey", "MPESA_PASSKEY"),
        ("mpesaPasskey", "MPESA_PASSKEY"),
        ("MPESA_MPESA_PASSKEY", "MPESA_PASSKEY"),
        ("mpesa", "MPESA_MPESA"),
        ("callbackURL", "MPESA_CALLBACK_URL"),
        ("apiURLPath", "MPESA_API_URL_PATH"),
        ("B2CShortCode", "MPESA_B2C_SHORT_CODE"),
        ("B2C_PASSKEY", "MPESA_B2C_PASSKEY"),
        ("b2c", "MPESA_B2C"),
        ("short-code.2", "MPESA_SHORT_CODE_2"),
        ("a=b\0c", "MPESA_A_B_C"),
        ("caf\u00e9 \u00df", "MPESA_CAF___"),
        ("2nd", "MPESA_2ND"),
    ],
)
def test_field_makes_a_variable_that_any_shell_takes(field: str, name: str) -> None:
    """Camel case is split, all else but letters and digits is an underscore, MPESA_ stands once."""
    assert variable(field) == name


def test_scalars_are_kept_in_the_spelling_of_json() -> None:
    """Null, lists and objects are left out; text is not touched."""
    variables = collected(
        {"live": True, "off": False, "code": 174379, "rate": 1.5, "big": 2**70, "text": " '$x' ", "empty": "",
         "none": None, "list": [1], "object": {"a": 1}}
    )  # fmt: skip
    assert {name: variables.text(name) for name in list(variables.values)[2:]} == {
        "MPESA_LIVE": "true", "MPESA_OFF": "false", "MPESA_CODE": "174379", "MPESA_RATE": "1.5",
        "MPESA_BIG": str(2**70), "MPESA_TEXT": " '$x' ", "MPESA_EMPTY": "",
    }  # fmt: skip


@pytest.mark.parametrize("fields", [{"a-b": "1", "a_b": "1"}, {"aB": "1", "MPESA_A_B": "2"}, {"consumerKey": "other"}])
def test_two_fields_that_make_one_variable_are_malformed(fields: dict[str, object]) -> None:
    """Which of them was meant nobody knows; the pair's own names count, too."""
    with pytest.raises(MalformedSecret, match=r"^field \S+: makes MPESA_\w+, as another field does$"):
        collected(fields)


@pytest.mark.parametrize("value", ["a\0b", "\0", "half \ud83d of it"])
def test_value_that_no_environment_holds_is_malformed(value: str) -> None:
    """NUL, or what has no bytes; the error does not show it."""
    with pytest.raises(MalformedSecret, match=r"^MPESA_PASSKEY: ") as caught:
        collected({"passkey": f"PasskeyOfTheTests{value}"})
    assert secrets_in_traceback(caught.value, ["PasskeyOfTheTests", SECRET]) == []


def test_pair_with_nul_is_malformed() -> None:
    """Half a secret would be worse than none."""
    with pytest.raises(MalformedSecret, match=r"^MPESA_CONSUMER_SECRET: ") as caught:
        Variables(Credentials(KEY, f"{SECRET}\0"))
    assert secrets_in_traceback(caught.value, [SECRET]) == []


def test_null_character_in_what_is_left_out_does_no_harm() -> None:
    """Nobody would see it."""
    assert len(collected({"object": {"a": "\0"}, "list": ["\0"]}).values) == 2


def test_representation_shows_names_only() -> None:
    """For logs and tracebacks."""
    assert repr(collected({"code": 174379})) == "Variables(MPESA_CONSUMER_KEY, MPESA_CONSUMER_SECRET, MPESA_CODE)"


def test_token_that_was_asked_for_takes_the_place_of_a_field() -> None:
    """A nested `exec` finds the outer one's token in its environment."""
    variables = collected({"access_token": "of yesterday"})
    variables.add_token(AccessToken("of today", time.time() + 3599, 3599))
    assert variables.text("MPESA_ACCESS_TOKEN") == "of today"


def test_store_is_read_once(shelf: Shelf) -> None:
    """With its neighbours, or without."""
    gather(Settings(shelf.url))
    gather(Settings(shelf.url), everything=True)
    assert shelf.reads == ["read", "read"]


def test_neighbours_come_only_if_they_are_wanted(shelf: Shelf) -> None:
    """The pair alone otherwise, and nothing is wrong with what nobody wants."""
    shelf.fields["passkey"] = "a\0b"
    assert list(gather(Settings(shelf.url)).values) == ["MPESA_CONSUMER_KEY", "MPESA_CONSUMER_SECRET"]
    with pytest.raises(MalformedSecret):
        gather(Settings(shelf.url), everything=True)


def test_pair_under_other_names_is_no_neighbour(shelf: Shelf) -> None:
    """?key_field= and ?secret_field= say which fields it is."""
    shelf.fields = {"k": KEY, "s": SECRET, "passkey": "p"}
    found = gather(Settings(f"{shelf.url}?key_field=k&secret_field=s"), everything=True)
    assert found.values == {"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET, "MPESA_PASSKEY": "p"}


def test_store_that_hangs_is_given_up_in_time(shelf: Shelf) -> None:
    """Whatever it does with the seconds that it was given."""
    shelf.delay = 3.0
    start = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"no answer within 0\.2 s"):
        gather(Settings(shelf.url, timeout=0.2))
    assert time.monotonic() - start < 2.0


def test_pair_is_the_one_that_the_token_was_made_with(shelf: Shelf) -> None:
    """A pair that Daraja refuses is read again on the way to the token; what comes out is the new one."""
    with Simulator(KEY, SECRET) as daraja:
        shelf.put(KEY, "OldSecretOfTheTests")
        read = shelf.read

        def read_and_rotate(timeout: float) -> Secret:
            secret = read(timeout)
            shelf.put(KEY, SECRET)
            return secret

        shelf.read = read_and_rotate  # type: ignore[method-assign]  # a rotation between two reads
        found = gather(Settings(shelf.url, base_url=daraja.base_url), with_token=True)
        assert found.text("MPESA_CONSUMER_SECRET") == SECRET
        assert daraja.is_current(found.text("MPESA_ACCESS_TOKEN"))
        assert daraja.stats()["token_requests"] == 2
