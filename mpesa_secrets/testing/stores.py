"""What every store has to do, as tests that a store's author inherits; they need pytest.

Choose the class by what the store can do, give it the two fixtures, and say where the store differs:

    class TestMyStore(WritableStoreContract):
        neighbours = {"passkey": "text"}                      # if it keeps nothing but text

        @pytest.fixture
        def url_holding(self, tmp_path):                      # a new secret at each call
            def url_holding(fields):
                ...
                return "mine://…"
            return url_holding

        @pytest.fixture
        def url_of_nothing(self, tmp_path):                   # the store answers, the secret is not there
            return "mine://…"

The store is opened through its entry point, as applications do, so the plugin must be installed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import Conflict, SecretNotFound
from mpesa_secrets.stores import StoreDoor

UrlHolding = Callable[[Mapping[str, object]], str]


class StoreContract:
    """A store that can be read.

    Attributes to override:
        key_field, secret_field: where the store's secrets hold the pair.
        neighbours: further fields, of every type that the store keeps.
        timeout: seconds for each call.

    Fixtures to provide:
        url_holding: takes fields, makes a new secret of exactly these, returns its URL.
        url_of_nothing: the URL of a secret that does not exist.
    """

    key_field = "consumer_key"
    secret_field = "consumer_secret"
    neighbours: ClassVar[Mapping[str, object]] = {
        "passkey": 'it\'s "quoted" \\ #1 $HOME é',
        "shortcode": 174379,
        "rate": 0.5,
        "live": True,
        "nothing": None,
        "nested": {"list": [1, "two", None]},
    }
    timeout = 10.0

    def fields(self, generation: int = 1) -> dict[str, object]:
        """Fields with the pair of a generation and the neighbours, which are the same in all."""
        return {**self.neighbours, self.key_field: f"key-{generation}", self.secret_field: f"hush-{generation}"}

    @pytest.fixture
    def door(self, url_holding: UrlHolding) -> StoreDoor:
        """A store with the first generation in it."""
        return StoreDoor(url_holding(self.fields()))

    def test_reads_every_field_with_its_type(self, door: StoreDoor) -> None:
        """Numbers stay numbers, null stays null."""
        assert _typed(door.read(self.timeout)) == _typed(Secret(self.fields()))

    def test_finds_the_pair(self, door: StoreDoor) -> None:
        """The core finds key and secret in what the store reads."""
        found = door.credentials(self.timeout)
        assert (found.consumer_key, found.consumer_secret) == ("key-1", "hush-1")

    def test_reads_the_same_again(self, door: StoreDoor) -> None:
        """Nothing about reading changes the secret or its version, over another connection either."""
        assert door.read(self.timeout) == door.read(self.timeout) == door.reopened().read(self.timeout)

    def test_is_read_by_many_threads(self, door: StoreDoor) -> None:
        """One store serves all the threads of an application."""
        with ThreadPoolExecutor(4) as threads:
            secrets = list(threads.map(lambda _: door.read(self.timeout), range(8)))
        assert [_typed(secret) for secret in secrets] == [_typed(Secret(self.fields()))] * 8

    def test_says_not_found_where_nothing_is(self, url_of_nothing: str) -> None:
        """ "Not there" is SecretNotFound, never an empty secret or another error."""
        with pytest.raises(SecretNotFound):
            StoreDoor(url_of_nothing).read(self.timeout)

    def test_shows_no_secret_in_its_repr(self, door: StoreDoor) -> None:
        """Whoever prints or logs the store learns nothing."""
        door.read(self.timeout)
        assert "hush-1" not in f"{door!r} {door.store()!r} {door.store()}"


class WritableStoreContract(StoreContract):
    """A store with `write`, `read_version` and `history`.

    Attributes to override:
        versioned: False for a store that has no versions: `write` returns None, `history` is empty.
        unknown_version: a well-formed version that no secret of the store ever had.
    """

    versioned = True
    unknown_version = "0123456789abcdef"

    def publish(self, door: StoreDoor, secret: Secret) -> str | None:
        """Write, and make readers see it."""
        version = door.call("write", secret, timeout=self.timeout)
        return None if version is None else str(version)

    def rotated(self, door: StoreDoor) -> tuple[Secret, str | None]:
        """The first generation as it was read, and the version of the second, which readers see now."""
        first = door.read(self.timeout)
        return first, self.publish(door, Secret(self.fields(2), first.version))

    def versions(self, door: StoreDoor) -> list[Any]:
        """The store's history, or a skipped test where it has none."""
        if not self.versioned:
            pytest.skip("the store has no versions")
        return list(door.call("history", timeout=self.timeout))

    def test_has_all_methods_of_a_writable_store(self, door: StoreDoor) -> None:
        """Rotation needs the three together."""
        assert door.can("read", "write", "read_version", "history")

    def test_a_write_changes_the_pair_and_nothing_else(self, door: StoreDoor) -> None:
        """The neighbours keep their values and types; another connection sees the same."""
        _, version = self.rotated(door)
        assert _typed(door.read(self.timeout)) == _typed(Secret(self.fields(2)))
        assert door.reopened().read(self.timeout) == door.read(self.timeout)
        assert door.read(self.timeout).version == version

    def test_a_stale_version_conflicts_and_changes_nothing(self, door: StoreDoor) -> None:
        """Whoever read before somebody else wrote cannot overwrite it, and the refusal shows no secret."""
        self.versions(door)
        first, _ = self.rotated(door)
        with pytest.raises(Conflict) as refusal:
            self.publish(door, Secret(self.fields(3), first.version))
        assert _typed(door.read(self.timeout)) == _typed(Secret(self.fields(2)))
        assert "hush" not in f"{refusal.value!r} {refusal.value.hint}"

    def test_of_two_writers_at_once_one_wins(self, door: StoreDoor) -> None:
        """The other one gets Conflict, and readers see the winner's pair."""
        self.versions(door)
        first = door.read(self.timeout)

        def attempt(generation: int) -> int | None:
            try:
                self.publish(door.reopened(), Secret(self.fields(generation), first.version))
            except Conflict:
                return None
            return generation

        with ThreadPoolExecutor(2) as threads:
            winners = [generation for generation in threads.map(attempt, (2, 3)) if generation]
        assert len(winners) == 1
        assert _typed(door.read(self.timeout)) == _typed(Secret(self.fields(winners[0])))

    def test_old_and_new_version_can_be_read(self, door: StoreDoor) -> None:
        """`read_version` gives the pair of then, under the version that was asked for."""
        self.versions(door)
        first, version = self.rotated(door)
        for wanted, generation in ((first.version, 1), (version, 2)):
            secret = door.call("read_version", wanted, timeout=self.timeout)
            assert (_typed(secret), secret.version) == (_typed(Secret(self.fields(generation))), wanted)

    def test_a_version_that_never_was_is_not_found(self, door: StoreDoor) -> None:
        """So a rollback says what is missing."""
        self.versions(door)
        with pytest.raises(SecretNotFound):
            door.call("read_version", self.unknown_version, timeout=self.timeout)

    def test_history_begins_with_the_newest(self, door: StoreDoor) -> None:
        """The current version first, then the one before it, each with its state."""
        self.versions(door)
        first, version = self.rotated(door)
        newest, before = self.versions(door)[:2]
        assert (newest.version, newest.state) == (version, "current")
        assert before.version == first.version
        assert before.state in {"previous", "superseded"}

    def test_a_restored_secret_is_the_old_one(self, door: StoreDoor) -> None:
        """Writing the old fields over the new version is how a failed rotation is undone."""
        first, version = self.rotated(door)
        self.publish(door, Secret(first.fields, version))
        assert _typed(door.read(self.timeout)) == _typed(first)

    def test_a_value_may_hold_any_character(self, door: StoreDoor) -> None:
        """What is written is what is read, quotes, spaces and all."""
        first = door.read(self.timeout)
        awkward = " 'a' \"b\" \\ #c $d `e` é\n\tf=g "
        self.publish(door, Secret({**first.fields, self.secret_field: awkward}, first.version))
        assert door.credentials(self.timeout).consumer_secret == awkward


class StagingStoreContract(WritableStoreContract):
    """A store with `promote` and `discard`: a write is unseen until it is promoted."""

    def stage(self, door: StoreDoor) -> tuple[str, str]:
        """The current version, and that of the second generation, written and not promoted."""
        first = door.read(self.timeout)
        version = door.call("write", Secret(self.fields(2), first.version), timeout=self.timeout)
        return str(first.version), str(version)

    def publish(self, door: StoreDoor, secret: Secret) -> str | None:
        """Write and promote."""
        version = super().publish(door, secret)
        door.call("promote", version, secret.version, timeout=self.timeout)
        return version

    def test_a_write_is_unseen_until_promoted(self, door: StoreDoor) -> None:
        """Readers see the old pair; who knows the version can read the new one."""
        current, staged = self.stage(door)
        assert door.reopened().read(self.timeout) == Secret(self.fields(), current)
        assert _typed(door.call("read_version", staged, timeout=self.timeout)) == _typed(Secret(self.fields(2)))
        door.call("promote", staged, current, timeout=self.timeout)
        assert door.reopened().read(self.timeout) == Secret(self.fields(2), staged)

    def test_promoting_past_somebody_else_conflicts(self, door: StoreDoor) -> None:
        """Where readers see another version than expected, they go on seeing it."""
        current, staged = self.stage(door)
        with pytest.raises(Conflict):
            door.call("promote", staged, self.unknown_version, timeout=self.timeout)
        assert door.reopened().read(self.timeout).version == current

    def test_discarding_takes_the_stage_off_as_often_as_asked(self, door: StoreDoor) -> None:
        """Cleaning up twice is quiet, nothing stays pending, and readers notice nothing."""
        current, staged = self.stage(door)
        for _ in range(2):
            door.call("discard", staged, timeout=self.timeout)
        assert "pending" not in [version.state for version in self.versions(door)]
        assert door.reopened().read(self.timeout) == Secret(self.fields(), current)

    def test_promoting_back_restores_the_old_version(self, door: StoreDoor) -> None:
        """The old version itself is current again, no copy of it."""
        current, staged = self.stage(door)
        door.call("promote", staged, current, timeout=self.timeout)
        door.call("promote", current, staged, timeout=self.timeout)
        assert door.reopened().read(self.timeout) == Secret(self.fields(), current)


def _typed(secret: Secret) -> str:
    """The fields as JSON, which tells 1 from 1.0, true and "1", as `==` does not."""
    return json.dumps(dict(secret.fields), sort_keys=True, ensure_ascii=False)
