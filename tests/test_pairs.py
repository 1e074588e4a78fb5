"""The new pair as a person brings it, in a file or on stdin."""

from __future__ import annotations

import io
import json

import pytest

from mpesa_secrets.credentials import Credentials
from mpesa_secrets.errors import MalformedPair
from mpesa_secrets.rotation.pairs import MOST_BYTES, NewPair, read_pair
from tests.leaks import secrets_in_traceback

KEY, SECRET = "KeyOfTheTests000" * 3, "SecretOfTheTests" * 4
BOTH = ["consumer_key", "consumer_secret"]


def read(text: str | bytes) -> NewPair:
    """The pair in a text."""
    return read_pair(io.BytesIO(text.encode() if isinstance(text, str) else text).read)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"consumer_key": KEY, "consumer_secret": SECRET}),
        json.dumps({"consumerKey": KEY, "consumerSecret": SECRET}, indent=2),
        json.dumps({"CONSUMER_KEY": KEY, "CONSUMER_SECRET": SECRET, "other": None}),
        json.dumps({"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET}),
        "\ufeff\n " + json.dumps({"consumer_key": KEY, "consumer_secret": SECRET}),
        f"MPESA_CONSUMER_KEY={KEY}\nMPESA_CONSUMER_SECRET={SECRET}",
        f"consumer_key={KEY}\nconsumer_secret={SECRET}\n",
        f"consumerKey={KEY}\nconsumerSecret={SECRET}\n",
        f"CONSUMER_KEY={KEY}\nCONSUMER_SECRET={SECRET}\n",
        f"\ufeffMPESA_CONSUMER_KEY={KEY}\r\nMPESA_CONSUMER_SECRET={SECRET}\r\n",
        f"# new\n\nexport MPESA_CONSUMER_KEY = '{KEY}'\n\texport MPESA_CONSUMER_SECRET=\"{SECRET}\" # new\n",
        f"MPESA_CONSUMER_KEY={KEY} # key\nMPESA_CONSUMER_SECRET={SECRET}\t# secret\nnonsense\n",
        f"MPESA_CONSUMER_KEY=old\nMPESA_CONSUMER_KEY={KEY}\nMPESA_CONSUMER_SECRET={SECRET}\n",
    ],
)
def test_every_spelling_is_understood(text: str) -> None:
    """JSON or dotenv lines, BOM, CRLF, export, quotes, comments; the last assignment counts."""
    pair = read(text)
    assert pair.credentials == Credentials(KEY, SECRET)
    assert pair.removed == []


def test_what_was_removed_is_named() -> None:
    """So that a person knows what became of what was pasted."""
    assert NewPair(Credentials(f" {KEY}", f"'{SECRET}'")).removed == BOTH
    assert read(json.dumps({"consumer_key": KEY, "consumer_secret": f"{SECRET}\n"})).removed == BOTH[1:]


def test_a_hash_within_a_value_is_no_comment() -> None:
    """Only after white space it is."""
    assert read(f"consumer_key={KEY}\nconsumer_secret=a#b").credentials.consumer_secret == "a#b"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "nothing of the kind",
        f"consumer_key={KEY}",
        f"consumer_secret={SECRET}",
        "{",
        "{}",
        f'["{KEY}", "{SECRET}"]',
        f'"{SECRET}"',
        json.dumps({"consumer_key": KEY}),
        json.dumps({"consumer_key": KEY, "consumer_secret": ""}),
        json.dumps({"consumer_key": KEY, "consumer_secret": 12345}),
        json.dumps({"consumer_key": KEY, "consumer_secret": [SECRET]}),
        json.dumps({"pair": {"consumer_key": KEY, "consumer_secret": SECRET}}),
        '{"a":' * 100_000,
        f"consumer_key={KEY}\nconsumer_secret={SECRET}".encode("utf-16"),
        b"\xff\xfe\x00",
    ],
)
def test_what_holds_no_pair_is_malformed(text: str | bytes) -> None:
    """Exit 2, with what to give instead, and nothing of what was given."""
    with pytest.raises(MalformedPair) as error:
        read(text)
    assert error.value.exit_code == 2
    assert "consumer_key" in str(error.value.hint)
    assert not secrets_in_traceback(error.value, [SECRET])


def test_only_so_much_is_read() -> None:
    """A pipe without end is no reason to run out of memory."""
    with pytest.raises(MalformedPair):
        read('{"consumer_key": "' + "k" * MOST_BYTES + '", "consumer_secret": "s"}')


def test_the_pair_shows_in_no_repr() -> None:
    """Nor in a traceback of whoever holds it."""
    pair = NewPair(Credentials(KEY, f" {SECRET}"))
    assert SECRET not in f"{pair!r} {pair} {vars(pair)}"
