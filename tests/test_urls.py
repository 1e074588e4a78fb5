"""URLs: shown without passwords, and refused where a secret would go astray."""

from __future__ import annotations

import pytest

from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.urls import checked_base_url, is_loopback, parameter, redacted, scheme_of, split
from tests.leaks import secrets_in_traceback


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:hush@host:6379/0", "redis://:***@host:6379/0"),
        ("redis://user:hush@host", "redis://user:***@host"),
        ("redis://user:hu@sh@host", "redis://user:***@host"),
        ("redis://user:hu/sh?#@host", "redis://user:***@host"),
        ("vault://m/p?secret_id=hush&role=r", "vault://m/p?secret_id=***&role=r"),
        ("vault://m/p?role=r&client_Token=hush#x", "vault://m/p?role=r&client_Token=***#x"),
        ("https://h/?api-key=1&apikey=hush&api_key=hush", "https://h/?api-key=1&apikey=***&api_key=***"),
        ("aws://name?region=eu-west-1", "aws://name?region=eu-west-1"),
        ("env://?key_field=A&secret_field=B", "env://?key_field=A&secret_field=B"),
        ("http://host:8200/a@b", "http://host:***@b"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    """Rather too little is shown than too much."""
    assert redacted(url) == shown


@pytest.mark.parametrize("text", ["redis:/:hush@host", ":hush@host:6379", "user:hush@host", "redis://:hu\nsh@host"])
def test_passwords_in_what_is_no_url_are_not_shown(text: str) -> None:
    """A mistyped URL is shown in an error too."""
    assert "sh@" not in redacted(text)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "::1"])
def test_this_machine_is_loopback(host: str) -> None:
    """By name and by address."""
    assert is_loopback(host)


@pytest.mark.parametrize("host", [None, "", "localhost.example", "127.0.0.1.example", "128.0.0.1", "0.0.0.0"])
def test_other_machines_are_not(host: str | None) -> None:
    """Nor names that look like it."""
    assert not is_loopback(host)


def test_a_parameter_is_decoded() -> None:
    """The last of several counts, an empty one is absent."""
    url = "x://h?a=1&a=c%20d&b="
    assert [parameter(url, name) for name in ("a", "b", "c")] == ["c d", None, None]


@pytest.mark.parametrize(("url", "scheme"), [("env://", "env"), ("VAULT://m/p", "vault"), ("a-b+c.1://x", "a-b+c.1")])
def test_the_scheme_is_in_lower_case(url: str, scheme: str) -> None:
    """As the entry points are named."""
    assert scheme_of(url, "S") == scheme


@pytest.mark.parametrize("url", ["", "env", "env:", "/path", "://x", "1a://x", "a b://x"])
def test_what_is_no_url_is_refused(url: str) -> None:
    """Naming the setting that held it."""
    with pytest.raises(ConfigurationError, match=r"^SETTING .*not a URL"):
        scheme_of(url, "SETTING")


@pytest.mark.parametrize("url", ["redis://u:hush@[x", "redis://u:hush@h:port"])
def test_what_cannot_be_parsed_is_refused_without_its_password(url: str) -> None:
    """In the message, and in the traceback's locals as far as they are ours to choose."""
    with pytest.raises(ConfigurationError) as refusal:
        split(url)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("https://api.safaricom.co.ke", "https://api.safaricom.co.ke"),
        ("https://gateway:8443/mpesa/", "https://gateway:8443/mpesa"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("HTTP://LOCALHOST", "http://LOCALHOST"),
    ],
)
def test_a_base_url_loses_its_last_slash(url: str, checked: str) -> None:
    """Paths are kept, for gateways."""
    assert checked_base_url(url) == checked


@pytest.mark.parametrize(
    "url",
    [
        "http://api.safaricom.co.ke",
        "http://localhost.example",
        "http://127.0.0.1@evil.example",
        "ftp://host",
        "https://",
        "https://user:hush@host",
        "https://host/?token=hush",
        "https://host/#f",
        "host",
    ],
)
def test_a_base_url_that_endangers_the_secret_is_refused(url: str) -> None:
    """Plain http to another machine, and what hides where it goes."""
    with pytest.raises(ConfigurationError) as refusal:
        checked_base_url(url)
    assert refusal.value.hint
    assert "hush" not in str(refusal.value)


def test_a_base_url_may_not_be_plain_http() -> None:
    """Said in so many words."""
    with pytest.raises(ConfigurationError, match="plain http") as refusal:
        checked_base_url("http://host")
    assert secrets_in_traceback(refusal.value, ["hush"]) == []


def test_what_stands_before_the_query_is_the_plugins_business() -> None:
    """An ARN has colons where a port would stand."""
    arn = "aws://arn:aws:secretsmanager:eu-west-1:123456789012:secret:mpesa-AbCdEf?key_field=KEY&region=eu-west-1"
    assert (parameter(arn, "key_field"), parameter(arn, "profile")) == ("KEY", None)
