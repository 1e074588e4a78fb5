"""The form of a pair: what cannot be one, and what looks like a mix-up.

Known of issued pairs: older apps have a key of 32 and a secret of 16 characters, newer ones 48 and 64; all seen are
letters and digits, and the gateway also allows `_` and `-`. A passkey is 64 lower-case hex digits.
"""

from __future__ import annotations

import re

from mpesa_secrets.credentials import Credentials

LENGTHS = ((32, 16), (48, 64))  # of key and secret, in characters
_AROUND = re.compile(r"\A[\s\u200b\u2060\ufeff]+|[\s\u200b\u2060\ufeff]+\Z")
_QUOTES = {"'": "'", '"': '"', "`": "`", "\u201c": "\u201d", "\u2018": "\u2019"}


def cleaned(value: str) -> str:
    """The value without white space and quotes around it, as they come along when it is pasted."""
    bare = _AROUND.sub("", value)
    while len(bare) > 1 and _QUOTES.get(bare[0]) == bare[-1]:
        bare = _AROUND.sub("", bare[1:-1])
    return bare


def impossible(credentials: Credentials) -> str | None:
    """Why this cannot be a pair, or None."""
    for name in ("consumer_key", "consumer_secret"):
        complaint = _impossible(getattr(credentials, name))
        if complaint:
            return f"{name} {complaint}"
    return None


def _impossible(value: str) -> str | None:
    if not value:
        return "is empty"
    if value != value.strip():
        return "has white space around it"
    if re.search(r"\s", value):
        return "has white space in it"
    if ":" in value:
        return "has a colon in it, which HTTP Basic cannot carry"
    if not value.isascii() or not value.isprintable():
        return "has control or non-ASCII characters in it"
    return None


def mixed_up(credentials: Credentials) -> str | None:
    """The classic mix-up that this pair looks like, or None."""
    lengths = len(credentials.consumer_key), len(credentials.consumer_secret)
    if lengths[::-1] in LENGTHS:
        return "key and secret look swapped"
    if re.fullmatch(r"[0-9a-f]{64}", credentials.consumer_secret):
        return "the consumer secret looks like a passkey (64 lower-case hex digits)"
    return None


def unusual(credentials: Credentials) -> str | None:
    """What is unusual about the lengths, or None."""
    lengths = len(credentials.consumer_key), len(credentials.consumer_secret)
    if lengths in LENGTHS:
        return None
    return f"key and secret have {lengths[0]} and {lengths[1]} characters; usual are 32 and 16, or 48 and 64"
