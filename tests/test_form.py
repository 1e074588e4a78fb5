"""The form of a pair: what is cleaned away, what cannot be one, what looks like a mix-up, what only warns."""

from __future__ import annotations

import pytest

from mpesa_secrets.credentials import Credentials
from mpesa_secrets.form import cleaned, impossible, mixed_up, unusual


@pytest.mark.parametrize(
    "pasted",
    [
        "word",
        " word\n",
        "\tword\r\n",
        "'word'",
        '"word"',
        "`word`",
        "\u201cword\u201d",
        "\u2018word\u2019",
        "'\"word\"'",
        ' " word " ',
        "\ufeffword",
        "\u200bword\u200b",
        '\ufeff "word" \u200b',
        "\u00a0word\u3000",
    ],
)
def test_what_comes_along_with_pasting_is_removed(pasted: str) -> None:
    """White space, quotes that match, and what cannot be seen."""
    assert cleaned(pasted) == "word"


@pytest.mark.parametrize("value", ["'word\"", "wo'rd", "'word", 'word"', "wo rd", "", "'"])
def test_what_belongs_to_the_value_stays(value: str) -> None:
    """Quotes that do not match, and everything inside."""
    assert cleaned(value) == value


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("", "is empty"),
        ("a b", "white space in it"),
        ("a\nb", "white space in it"),
        ("a\u00a0b", "white space in it"),
        (" a", "white space around it"),
        ("a:b", "colon"),
        ("a\x00b", "control"),
        ("a\x7f", "control"),
        ("ä", "non-ASCII"),
        ("a\u200bb", "non-ASCII"),
    ],
)
def test_what_basic_authentication_cannot_carry_is_no_pair(value: str, complaint: str) -> None:
    """In the key and in the secret; the complaint names the field and shows nothing of the value."""
    for name, credentials in (
        ("consumer_key", Credentials(value, "s" * 64)),
        ("consumer_secret", Credentials("k" * 48, value)),
    ):
        found = impossible(credentials)
        assert found is not None
        assert found.startswith(name)
        assert complaint in found


@pytest.mark.parametrize(("key", "secret"), [("k" * 32, "s" * 16), ("k" * 48, "s" * 64), ("a_b-c", "~!%$#+/=")])
def test_every_printable_ascii_pair_is_possible(key: str, secret: str) -> None:
    """Daraja decides, not we."""
    assert impossible(Credentials(key, secret)) is None


@pytest.mark.parametrize(
    ("key", "secret", "mix_up"),
    [
        ("s" * 16, "k" * 32, "swapped"),
        ("S" * 64, "k" * 48, "swapped"),
        ("k" * 48, "0f" * 32, "passkey"),
        ("k" * 32, "0f" * 32, "passkey"),
    ],
)
def test_the_classic_mix_ups_are_pointed_out(key: str, secret: str, mix_up: str) -> None:
    """Swapped values, and a passkey in the secret's place."""
    assert mix_up in str(mixed_up(Credentials(key, secret)))


@pytest.mark.parametrize(
    ("key", "secret"), [("k" * 48, "s" * 64), ("k" * 32, "s" * 16), ("k" * 48, "0F" * 32), ("k" * 48, "0f" * 31)]
)
def test_a_proper_pair_is_no_mix_up(key: str, secret: str) -> None:
    """Upper-case letters, or another length, and it is no passkey."""
    assert mixed_up(Credentials(key, secret)) is None


def test_only_the_two_known_pairs_of_lengths_are_usual() -> None:
    """And the warning tells the lengths only."""
    assert unusual(Credentials("k" * 48, "s" * 64)) is None
    assert unusual(Credentials("k" * 32, "s" * 16)) is None
    told = unusual(Credentials("k" * 32, "s" * 64))
    assert told is not None
    assert "32 and 64" in told
