"""The dotenv grammar: the same values as python-dotenv, and texts changed nowhere but in the values."""

from __future__ import annotations

import io
import logging

import pytest
from dotenv import dotenv_values
from hypothesis import assume, given, settings, strategies as st

from backends.stores.env.lines import Dotenv, assignments

PIECES = ["A", "B", "KEY", "=", "=", "\n", "\n", "'", '"', "\\", "#", " ", "\t", "export ", "export", "\r\n", "\r"]
TEXTS = st.lists(st.sampled_from([*PIECES, "\ufeff", "$", "n", "\x0b", "é", "\x00"]), max_size=30).map("".join)
NAMES = st.sampled_from(["A", "B", "C"])
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text("'\"\\#$` =a\n", max_size=6)


def python_dotenv(text: str) -> dict[str, str | None]:
    """What python-dotenv reads in a file with this text; what it cannot read it passes over and logs."""
    logging.getLogger("dotenv.main").setLevel(logging.ERROR)
    return dict(dotenv_values(stream=io.StringIO(text, newline=None), interpolate=False))


@settings(max_examples=400, deadline=None, database=None)
@given(TEXTS)
def test_reads_what_python_dotenv_reads(text: str) -> None:
    """Any text, the odd ones too; only names without a value and broken ones need a word of ours."""
    found = {one.name: one.value for one in assignments(text) if not one.broken}
    assert found == python_dotenv(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=x", "x"),
        ("export A=x", "x"),
        ("  A = x  ", "x"),
        ("A=x # c", "x"),
        ("A=x#c", "x#c"),
        ("A=#c", "#c"),
        ("A= #c", ""),
        ("A=", ""),
        ("A='x y' # c", "x y"),
        ("A='it\\'s\\n'", "it's\\n"),
        ('A="a\\tb\\n\\"c\\" \\q $B"', 'a\tb\n"c" \\q $B'),
        ('A="one\r\ntwo"\r\n', "one\ntwo"),
        ("'A'=x", "x"),
        ("\ufeffA=x", "x"),
        ("A=1\nA=2", "2"),
        ("JUNK LINE\n=x\nA=x", "x"),
    ],
)
def test_the_common_forms(text: str, value: str) -> None:
    """One of each, as people write them."""
    assert Dotenv(text.encode()).values() == {"A": value} == python_dotenv(text)


@settings(max_examples=400, deadline=None, database=None)
@given(TEXTS, st.dictionaries(NAMES, VALUES, min_size=1))
def test_changed_values_are_read_back(text: str, changes: dict[str, str]) -> None:
    """Whatever the value and whatever stood there; the other variables keep theirs."""
    before = Dotenv(text.encode())
    assume(not unreadable(text))
    after = before.with_values(changes)
    read = {name: value for name, value in python_dotenv(after.data.decode()).items() if value is not None}
    assert after.values() == before.values() | changes == read


def unreadable(text: str) -> bool:
    """Whether an open quote or other junk would swallow what is appended; a store refuses these."""
    return "SENTINEL" not in Dotenv(f"{text}\nSENTINEL='\"'".encode()).values()


def test_a_text_with_nothing_changed_is_the_same() -> None:
    """Byte for byte, whatever the encoding."""
    data = b"\xef\xbb\xbfA='x'\r\n\xff\xfe\r\nB=\xe9"
    assert Dotenv(data).with_values({}).data == data


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        (b"A='x'", "y", b"A='y'"),
        (b'A="x" # c', "y z", b'A="y z" # c'),
        (b"A=x # c", "y z", b"A='y z' # c"),
        (b"A= # c", "y", b"A=y # c"),
        (b"A=\nB=1", "y", b"A=y\nB=1"),
        (b"A='x'", "it's", b'A="it\'s"'),
        (b'A="x"', "$y", b"A='$y'"),
        (b'A="x"', "$y'", b'A="$y\'"'),
        (b"A='x'", "a\nb", b'A="a\\nb"'),
        (b"A='one\ntwo'\nB=1", "y", b"A='y'\nB=1"),
        (b"A=1\nA=2\n", "y", b"A=1\nA=y\n"),
        (b"A\n", "y", b"A\nA=y\n"),
        (b"", "y", b"A=y\n"),
        (b"B=1", "y", b"B=1\nA=y"),
        (b"B=1\r\n", "y", b"B=1\r\nA=y\r\n"),
    ],
)
def test_a_value_is_written_in_the_style_that_was_there(before: bytes, value: str, after: bytes) -> None:
    """Quotes change only where they must; nothing is expanded by a shell that reads the file."""
    assert Dotenv(before).with_values({"A": value}).data == after


def test_a_value_that_cannot_be_read_is_told_with_its_line() -> None:
    """Where it is the last of its name: an earlier one that was meant to be replaced must not be used."""
    assert Dotenv(b"A=1\r\n\r\nA='x\r\nB='y'z\nB=2").broken() == {"A": 3}
