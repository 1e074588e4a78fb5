"""The guard against leaks finds what is planted, and nothing else."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from tests.leaks import secrets_in_traceback, shows

SECRET = "s3cr3t/with+odd\"letters'&\\"
HERE = ("tests",)


def raised(action: Callable[[], object]) -> BaseException:
    """Returns what `action` raises."""
    with pytest.raises(BaseException) as caught:
        action()
    return caught.value


def fails_with_a_local() -> None:
    """Raises beside a local variable that holds the secret."""
    planted = {"header": SECRET}
    raise ValueError(len(planted))


def fails_from(cause: BaseException | None) -> None:
    """Raises because of what another function raised."""
    try:
        fails_with_a_local()
    except ValueError as error:
        raise RuntimeError("no") from (error if cause is None else cause)


def fails_without_cause() -> None:
    """Raises with the context suppressed."""
    try:
        fails_with_a_local()
    except ValueError:
        raise RuntimeError("no") from None


def fails_while_failing() -> None:
    """Raises with a context that a traceback shows."""
    try:
        fails_with_a_local()
    except ValueError:
        len(3)  # type: ignore[arg-type]


class AttributeLeakError(Exception):
    """Shows nothing in its text."""

    def __init__(self) -> None:
        super().__init__("no")
        self.request = {"Authorization": base64.b64encode(f"key:{SECRET}".encode())}


def fail(error: BaseException) -> None:
    """Raises it."""
    raise error


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        repr(SECRET),
        f"Basic {base64.b64encode(f'any-key:{SECRET}'.encode()).decode()}",
        f"{base64.urlsafe_b64encode(SECRET.encode())!r}",
        "redis://:s3cr3t%2Fwith%2Bodd%22letters%27%26%5C@host",
    ],
)
def test_a_secret_is_seen_in_every_spelling(text: str) -> None:
    """Escapes, percent-encoding and a Basic header hide nothing."""
    assert shows(f"before={text} after", [SECRET])


def test_a_text_without_the_secret_shows_nothing() -> None:
    """Fingerprints, other base64 and a secret that is not set are fine."""
    assert not shows("Basic YW55LWtleTpvdGhlcg== 0123456789ab", [SECRET, ""])


@pytest.mark.parametrize("action", [fails_with_a_local, lambda: fails_from(None), fails_while_failing])
def test_a_secret_in_a_local_variable_is_found(action: Callable[[], None]) -> None:
    """Also in the frames of causes and of contexts that are shown."""
    places = secrets_in_traceback(raised(action), [SECRET], HERE)
    assert any(place.startswith("local 'planted' of fails_with_a_local") for place in places)


@pytest.mark.parametrize("error", [AttributeLeakError(), ValueError(SECRET), ExceptionGroup("no", [KeyError(SECRET)])])
def test_a_secret_in_an_error_is_found(error: Exception) -> None:
    """In its text, its arguments, its attributes, or a member of a group."""
    assert secrets_in_traceback(error, [SECRET], ())


def test_what_is_suppressed_or_foreign_does_not_count() -> None:
    """A traceback does not print the one, and the other is not ours to mend."""
    assert secrets_in_traceback(raised(fails_without_cause), [SECRET], HERE) == []
    assert secrets_in_traceback(raised(fails_with_a_local), [SECRET]) == []


def test_the_report_does_not_repeat_the_secret() -> None:
    """It goes to the log of the tests."""
    places = secrets_in_traceback(raised(lambda: fail(ValueError(SECRET))), [SECRET], HERE)
    assert places
    assert not shows(str(places), [SECRET])
