"""A rotation as a library: each outcome, the order of its steps, what it asks of Daraja and of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mpesa_secrets.credentials import Credentials
from mpesa_secrets.errors import (
    Conflict,
    CredentialsRejected,
    DarajaError,
    MalformedPair,
    MpesaSecretsError,
    ReadOnlyStore,
    SecretNotFound,
)
from mpesa_secrets.rotation import NewPair, Rotation, Step
from mpesa_secrets.settings import Settings
from mpesa_secrets.simulator import Simulator
from tests.rotation_places import (
    KINDS,
    NETWORKED,
    VERSIONED,
    AwsPlace,
    KvPlace,
    Place,
    bring,
    fields,
    pair,
    place_of,
    rotate,
    rotation,
)
from tests.servers.faulty import FaultyProxy

Lead = Callable[[Mapping[str, str]], None]
MakeProxy = Callable[[str], FaultyProxy]
# What a store's own client needs for read, write, read-back, promote and confirm; and what a rotation takes, which
# asks Vault on each new connection where the mount ends, looks for remarks, and leaves a note.
ROUND_TRIPS = {"kv2": (4, 10), "kv1": (4, 9), "aws": (5, 10)}


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, lead: Lead) -> Place:
    """A secret with pair 1, in each store."""
    found = place_of(request.param, request)
    lead(found.variables())
    return found


@pytest.fixture(params=VERSIONED)
def versioned(request: pytest.FixtureRequest, lead: Lead) -> Place:
    """A secret with pair 1, in each store that knows versions."""
    found = place_of(request.param, request)
    lead(found.variables())
    return found


def names(steps: list[Step]) -> list[str]:
    """The steps that count, without remarks."""
    return [step.step for step in steps if step.step not in {"remark", "form", "annotate"}]


def failed(place: Place, daraja: Simulator, kind: type[MpesaSecretsError], **options: Any) -> Rotation:
    """A rotation to pair 2 that fails in this way."""
    attempt = rotation(place, daraja, **options)
    with pytest.raises(kind):
        attempt.rotate(bring(2))
    return attempt


def test_a_rotation_brings_the_new_pair_and_touches_nothing_else(place: Place, many_pairs: Simulator) -> None:
    """The neighbours keep values and types, the report says what is where, and nothing is left over."""
    before = place.version()
    report = rotate(place, many_pairs)
    assert place.get() == fields(2)
    assert report.outcome == "rotated"
    assert report.previous == (before, pair(1).fingerprint)
    assert report.current == (place.version(), pair(2).fingerprint)
    assert place.leftovers() == []


def test_the_steps_come_in_the_order_that_protects_readers(place: Place, many_pairs: Simulator) -> None:
    """Daraja accepts the pair before anything is written, and it is promoted after it was read back."""
    told: list[Step] = []
    report = rotate(place, many_pairs, tell=told.append)
    promoted = ["promote"] if isinstance(place, AwsPlace) else []
    assert names(report.steps) == ["read", "verify", "write", "read-back", *promoted, "confirm"]
    assert told == report.steps
    assert all(step.ok for step in told)


def test_one_token_is_asked_for_with_the_new_pair_only(place: Place, many_pairs: Simulator) -> None:
    """The old pair's token, which the running application uses, is not touched."""
    rotate(place, many_pairs)
    assert [request.consumer_key for request in many_pairs.token_requests] == [pair(2).consumer_key]


def test_at_the_time_of_asking_daraja_nothing_is_written(place: Place, many_pairs: Simulator) -> None:
    """And once it says yes, a person may still say no."""

    def decline() -> None:
        assert len(many_pairs.token_requests) == 1
        assert place.get() == fields(1)
        assert place.leftovers() == []
        raise KeyboardInterrupt

    attempt = rotation(place, many_pairs, confirm=decline)
    with pytest.raises(KeyboardInterrupt):
        attempt.rotate(bring(2))
    assert attempt.report.outcome == "interrupted"
    assert place.get() == fields(1)


def test_a_refused_pair_leaves_the_store_untouched(place: Place, many_pairs: Simulator) -> None:
    """Exit 5; the version is still the same."""
    before = place.version()
    many_pairs.revoke(pair(2).consumer_key)
    attempt = failed(place, many_pairs, CredentialsRejected)
    assert attempt.report.outcome == "rejected"
    assert attempt.report.current == attempt.report.previous == (before, pair(1).fingerprint)
    assert (place.get(), place.version()) == (fields(1), before)


def test_a_daraja_that_cannot_be_asked_leaves_the_store_untouched(place: Place, many_pairs: Simulator) -> None:
    """Exit 6."""
    before = place.version()
    many_pairs.fail("410")
    attempt = failed(place, many_pairs, DarajaError)
    assert attempt.report.outcome == "unverified"
    assert (place.get(), place.version()) == (fields(1), before)


def test_without_verifying_daraja_is_not_asked(place: Place, many_pairs: Simulator) -> None:
    """For the day on which it is down and the old pair has leaked."""
    many_pairs.stop()
    report = rotate(place, many_pairs, verify=False)
    assert (report.outcome, place.get()) == ("rotated", fields(2))
    assert many_pairs.token_requests == []


def test_a_dry_run_verifies_and_writes_nothing(place: Place, many_pairs: Simulator) -> None:
    """Not even a version that nobody sees."""
    before = place.version()
    report = rotate(place, many_pairs, dry_run=True)
    assert (report.outcome, names(report.steps)) == ("dry-run", ["read", "verify"])
    assert (place.get(), place.version(), place.leftovers()) == (fields(1), before, [])
    assert report.current == report.previous


def test_the_same_pair_is_left_as_it_is(place: Place, many_pairs: Simulator) -> None:
    """No token request, no new version: a rerun after a crash converges."""
    before = place.version()
    report = rotate(place, many_pairs, 1)
    assert (report.outcome, place.version()) == ("unchanged", before)
    assert report.current == report.previous == (before, pair(1).fingerprint)
    assert many_pairs.token_requests == []


def test_what_somebody_else_wrote_during_the_prompt_stays(place: Place, many_pairs: Simulator) -> None:
    """Exit 7, and the report tells whose pair is current."""
    attempt = failed(place, many_pairs, Conflict, confirm=lambda: place.put(fields(3)))
    assert (attempt.report.outcome, place.get()) == ("conflict", fields(3))
    assert attempt.report.current == (place.version(), pair(3).fingerprint)
    assert place.leftovers() == []


@pytest.mark.parametrize("step", ["write", "read-back", "promote"])
def test_what_somebody_else_writes_after_us_stays(versioned: Place, many_pairs: Simulator, step: str) -> None:
    """At any step: theirs is the newer one."""

    def meddle(done: Step) -> None:
        if done.step == step:
            versioned.put(fields(3))

    if step == "promote" and not isinstance(versioned, AwsPlace):
        pytest.skip("nothing is promoted here")
    attempt = failed(versioned, many_pairs, Conflict, tell=meddle)
    assert (attempt.report.outcome, versioned.get()) == ("conflict", fields(3))
    assert attempt.report.current == (versioned.version(), pair(3).fingerprint)
    assert versioned.leftovers() == []


def test_a_secret_that_was_deleted_meanwhile_is_a_conflict(many_pairs: Simulator, request: Any, lead: Lead) -> None:
    """Whoever deletes it after us means it."""
    place = place_of("kv2", request)
    assert isinstance(place, KvPlace)
    lead(place.variables())

    def delete(done: Step) -> None:
        if done.step == "read-back":
            place.openbao.api("DELETE", f"{place.mount}/data/{place.path}")

    attempt = failed(place, many_pairs, Conflict, tell=delete)
    assert attempt.report.current is None
    assert place.version() == "2"


def test_a_store_that_is_read_only_says_so(many_pairs: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the new pair is asked for."""
    monkeypatch.setenv("MPESA_CONSUMER_KEY", pair(1).consumer_key)
    monkeypatch.setenv("MPESA_CONSUMER_SECRET", pair(1).consumer_secret)
    attempt = Rotation(Settings("env://", base_url=many_pairs.base_url))
    with pytest.raises(ReadOnlyStore):
        attempt.rotate(lambda: pytest.fail("asked for the new pair"))


def test_a_place_without_a_pair_is_not_rotated(many_pairs: Simulator, request: Any, lead: Lead) -> None:
    """A typing error in the URL must not make a new secret."""
    place = place_of("kv2", request)
    lead(place.variables())
    place.url += "-misspelt"
    attempt = failed(place, many_pairs, SecretNotFound)
    assert (attempt.report.outcome, attempt.report.previous) == ("refused", None)


def test_the_pair_is_written_under_the_names_that_were_there(many_pairs: Simulator, request: Any, lead: Lead) -> None:
    """The first complete spelling; another one beside it is a neighbour."""
    place = place_of("kv1", request)
    lead(place.variables())
    old, new = pair(1), pair(2)
    place.put({"consumerKey": old.consumer_key, "consumerSecret": old.consumer_secret, "MPESA_CONSUMER_KEY": "x"})
    rotate(place, many_pairs)
    assert place.get() == {
        "consumerKey": new.consumer_key,
        "consumerSecret": new.consumer_secret,
        "MPESA_CONSUMER_KEY": "x",
    }


@pytest.mark.parametrize(
    ("key", "secret"), [("", "s" * 64), ("k" * 48, "s:" * 32), ("k k", "s" * 64), ("k" * 48, "é" * 64), ("\x07", "s")]
)
def test_what_cannot_be_a_pair_is_refused_before_daraja_hears_of_it(
    key: str, secret: str, many_pairs: Simulator, request: Any
) -> None:
    """Exit 2."""
    attempt = rotation(place_of("dotenv", request), many_pairs)
    with pytest.raises(MalformedPair):
        attempt.rotate(lambda: NewPair(Credentials(key, secret)))
    assert many_pairs.token_requests == []


def test_unusual_lengths_only_warn(many_pairs: Simulator, request: Any) -> None:
    """Daraja decides."""
    many_pairs.accept("short", "secret")
    place = place_of("dotenv", request)
    report = rotation(place, many_pairs).rotate(lambda: NewPair(Credentials("short", "secret")))
    assert report.outcome == "rotated"
    assert any("usual are" in step.detail for step in report.steps)


@pytest.mark.parametrize("kind", NETWORKED)
def test_a_rotation_costs_few_round_trips(
    kind: str, many_pairs: Simulator, request: Any, lead: Lead, faulty_proxy: MakeProxy
) -> None:
    """At most three times what the store's own client needs for the same steps."""
    place = place_of(kind, request)
    proxy = faulty_proxy(place.upstream)
    lead(place.variables(proxy.url))
    rotate(place, many_pairs)
    own, ours = ROUND_TRIPS[kind]
    assert len(proxy.requests) == ours
    assert ours <= 3 * own


@pytest.mark.parametrize("kind", ["kv2", "aws"])
def test_a_rotation_leaves_who_when_and_the_fingerprint_behind(
    kind: str, many_pairs: Simulator, request: Any, lead: Lead
) -> None:
    """Where the store has room for it; nothing of the secret is among it."""
    place = place_of(kind, request)
    lead(place.variables())
    rotate(place, many_pairs)
    if isinstance(place, AwsPlace):
        tags = place.client.describe_secret(SecretId=place.name)["Tags"]
        note = {tag["Key"].removeprefix("mpesa-secrets:"): tag["Value"] for tag in tags}
    else:
        assert isinstance(place, KvPlace)
        note = place.openbao.metadata_v2(place.mount, place.path)["custom_metadata"]
    assert note.keys() == {"rotated_by", "rotated_at", "fingerprint"}
    assert note["fingerprint"] == pair(2).fingerprint


@pytest.mark.parametrize("kind", ["kv2", "aws"])
def test_where_the_note_is_denied_the_rotation_goes_on(
    kind: str, many_pairs: Simulator, request: Any, lead: Lead, faulty_proxy: MakeProxy
) -> None:
    """With a warning among the steps."""
    place = place_of(kind, request)
    proxy = faulty_proxy(place.upstream)
    lead(place.variables(proxy.url))
    proxy.fail_when(lambda asked: asked.method == "PATCH" or "TagResource" in (asked.target or ""), "403")
    proxy.fail_when(lambda asked: asked.method == "POST" and "/metadata/" in asked.path, "403")
    report = rotate(place, many_pairs)
    assert (report.outcome, place.get()) == ("rotated", fields(2))
    assert [step.step for step in report.steps if not step.ok] == ["annotate"]
