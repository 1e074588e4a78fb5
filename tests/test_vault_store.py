"""The Vault store against a real OpenBao: where the secret is, what its versions are, what it says to operators."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import pytest
from mpesa_secrets_backends.stores.vault import open_store

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import AccessDenied, ConfigurationError, Conflict, MalformedSecret, SecretNotFound, StoreError
from mpesa_secrets.testing.stores import WritableStoreContract
from tests.servers.faulty import FaultyProxy
from tests.servers.loopback import Answer, LoopbackServer
from tests.servers.openbao import OpenBao

PAIR = {"consumer_key": "key-1", "consumer_secret": "hush-1"}
NEW = {"consumer_key": "key-2", "consumer_secret": "hush-2"}
TIME = 10.0

pytestmark = pytest.mark.usefixtures("openbao_environment")


class TestKv2(WritableStoreContract):
    """The contract, in KV version 2."""

    @pytest.fixture
    def url_holding(self, openbao: OpenBao, kv2_mount: str) -> Callable[[Mapping[str, object]], str]:
        """A new path in the mount."""

        def url_holding(fields: Mapping[str, object]) -> str:
            path = f"prod/{secrets.token_hex(4)}"
            openbao.put_v2(kv2_mount, path, dict(fields))
            return f"vault://{kv2_mount}/{path}"

        return url_holding

    @pytest.fixture
    def url_of_nothing(self, kv2_mount: str) -> str:
        """A path that nobody wrote."""
        return f"vault://{kv2_mount}/absent"


class TestKv1(WritableStoreContract):
    """The contract, in KV version 1, which keeps even the difference between 1 and 1.0."""

    versioned = False
    neighbours: ClassVar[Mapping[str, object]] = {**WritableStoreContract.neighbours, "one": 1.0, "large": 2**60 + 1}

    @pytest.fixture
    def url_holding(self, openbao: OpenBao, kv1_mount: str) -> Callable[[Mapping[str, object]], str]:
        """A new path in the mount."""

        def url_holding(fields: Mapping[str, object]) -> str:
            path = f"prod/{secrets.token_hex(4)}"
            openbao.put_v1(kv1_mount, path, dict(fields))
            return f"vault://{kv1_mount}/{path}"

        return url_holding

    @pytest.fixture
    def url_of_nothing(self, kv1_mount: str) -> str:
        """A path that nobody wrote."""
        return f"vault://{kv1_mount}/absent"


@pytest.fixture
def nested_mount(openbao: OpenBao) -> Iterator[str]:
    """A KV version 2 mount with a slash in its name."""
    mount = f"team-{secrets.token_hex(4)}/kv"
    openbao.enable_kv(mount, 2)
    yield mount
    openbao.api("DELETE", f"sys/mounts/{mount}")


@pytest.fixture
def as_policy(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Signs the test in with a policy instead of as root."""

    def as_policy(hcl: str) -> None:
        name = openbao.policy(f"test-{secrets.token_hex(4)}", hcl)
        monkeypatch.setenv("VAULT_TOKEN", openbao.token([name]))

    return as_policy


def allow(path: str, *capabilities: str) -> str:
    """A rule of a policy."""
    return f'path "{path}" {{ capabilities = {str(list(capabilities)).replace(chr(39), chr(34))} }}\n'


@pytest.fixture
def mounts_denied(
    openbao_environment: dict[str, str],
    faulty_proxy: Callable[[str], FaultyProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> FaultyProxy:
    """Leads to OpenBao past a proxy that denies asking where mounts are, as no policy of OpenBao's can."""
    proxy = faulty_proxy(openbao_environment["VAULT_ADDR"])
    proxy.fail_when(lambda request: "/ui/mounts/" in request.path, "403")
    monkeypatch.setenv("VAULT_ADDR", proxy.url)
    return proxy


def test_the_mount_may_have_slashes(openbao: OpenBao, nested_mount: str) -> None:
    """Vault is asked where the mount ends."""
    openbao.put_v2(nested_mount, "prod/mpesa", PAIR)
    assert open_store(f"vault://{nested_mount}/prod/mpesa").read(TIME) == Secret(PAIR, "1")


def test_the_path_is_percent_decoded(openbao: OpenBao, kv2_mount: str) -> None:
    """Blanks, signs and letters of any kind reach Vault as they are meant."""
    openbao.put_v2(kv2_mount, "caf%C3%A9%20%2B%23%3F", PAIR)
    assert open_store(f"vault://{kv2_mount}/caf%C3%A9%20%2B%23%3F").read(TIME) == Secret(PAIR, "1")


@pytest.mark.parametrize("query", ["", "?kv=2"])
@pytest.mark.usefixtures("mounts_denied")
def test_a_hidden_mount_is_the_first_segment(
    openbao: OpenBao, kv2_mount: str, as_policy: Callable[[str], None], query: str
) -> None:
    """Where sys/internal/ui/mounts is denied, version 2 is found by its answers, or told."""
    openbao.put_v2(kv2_mount, "mpesa", PAIR)
    as_policy(allow(f"{kv2_mount}/*", "read"))
    assert open_store(f"vault://{kv2_mount}/mpesa{query}").read(TIME) == Secret(PAIR, "1")


@pytest.mark.parametrize("query", ["", "?kv=1"])
@pytest.mark.usefixtures("mounts_denied")
def test_a_hidden_mount_of_version_1_is_found_out(
    openbao: OpenBao, kv1_mount: str, as_policy: Callable[[str], None], query: str
) -> None:
    """A policy that allows nothing but the secret is enough."""
    openbao.put_v1(kv1_mount, "mpesa", PAIR)
    as_policy(allow(f"{kv1_mount}/mpesa", "read"))
    assert open_store(f"vault://{kv1_mount}/mpesa{query}").read(TIME) == Secret(PAIR)


@pytest.mark.usefixtures("mounts_denied")
def test_a_hidden_mount_with_slashes_is_what_the_url_says(
    openbao: OpenBao, nested_mount: str, as_policy: Callable[[str], None]
) -> None:
    """?mount= helps where Vault does not tell."""
    openbao.put_v2(nested_mount, "prod/mpesa", PAIR)
    as_policy(allow(f"{nested_mount}/data/prod/mpesa", "read"))
    url = f"vault://{nested_mount}/prod/mpesa"
    assert open_store(f"{url}?mount={nested_mount}").read(TIME) == Secret(PAIR, "1")
    with pytest.raises(AccessDenied):
        open_store(url).read(TIME)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.usefixtures("mounts_denied")
def test_nothing_in_a_hidden_mount_is_not_found(
    request: pytest.FixtureRequest, as_policy: Callable[[str], None], version: int
) -> None:
    """An empty place looks alike in both versions."""
    mount = request.getfixturevalue(f"kv{version}_mount")
    as_policy(allow(f"{mount}/*", "read"))
    with pytest.raises(SecretNotFound):
        open_store(f"vault://{mount}/absent").read(TIME)


@pytest.mark.usefixtures("mounts_denied")
def test_a_first_secret_is_written_to_a_hidden_mount(kv2_mount: str) -> None:
    """Version 2 tells by refusing the paths of version 1, even where nothing is."""
    store = open_store(f"vault://{kv2_mount}/mpesa")
    assert store.write(Secret(PAIR), TIME) == "1"


def test_a_namespace_is_respected(openbao: OpenBao, monkeypatch: pytest.MonkeyPatch) -> None:
    """VAULT_NAMESPACE leads to another secret of the same path."""
    view = openbao.within(f"ns-{secrets.token_hex(4)}")
    view.enable_kv("kv", 2)
    view.put_v2("kv", "mpesa", PAIR)
    monkeypatch.setenv("VAULT_NAMESPACE", f"{view.namespace}/")
    assert open_store("vault://kv/mpesa").read(TIME) == Secret(PAIR, "1")


def test_a_mount_of_another_kind_is_refused() -> None:
    """The message names its type."""
    with pytest.raises(ConfigurationError, match="type cubbyhole, not kv"):
        open_store("vault://cubbyhole/mpesa").read(TIME)


def test_a_url_that_ends_at_the_mount_is_refused(nested_mount: str) -> None:
    """Only Vault knows that nothing is left for the secret's name."""
    with pytest.raises(ConfigurationError, match="no secret in it"):
        open_store(f"vault://{nested_mount}").read(TIME)


@pytest.mark.parametrize(
    "url",
    [
        "vault://",
        "vault://secret",
        "vault://secret/",
        "vault:///",
        "vault://secret/mpesa#1",
        "vault://me:hush-1@secret/mpesa",
        "vault://secret/../sys/mounts",
        "vault://secret/%2E%2E/mpesa",
        "vault://secret/a%00b",
        "vault://secret/mpesa?kv=3",
        "vault://secret/mpesa?mount=other",
        "vault://secret/mpesa?mount=secret/mpesa",
        "vault://secret/mpesa?auth=magic",
        "vault://secret/mpesa?auth=kubernetes",
        "vault://secret/mpesa?mont=secret",
    ],
)
def test_a_url_that_cannot_be_right_is_refused_at_once(url: str) -> None:
    """Without asking Vault, and without showing what looks like a password."""
    with pytest.raises(ConfigurationError) as refusal:
        open_store(url)
    assert "hush-1" not in f"{refusal.value} {refusal.value.hint}"


def test_a_deleted_version_is_not_found(openbao: OpenBao, kv2_mount: str) -> None:
    """An older version is not served in its place, but can be read by its number."""
    for fields in (PAIR, NEW):
        openbao.put_v2(kv2_mount, "mpesa", fields)
    openbao.api("DELETE", f"{kv2_mount}/data/mpesa")
    store = open_store(f"vault://{kv2_mount}/mpesa")
    with pytest.raises(SecretNotFound, match="version 2 is deleted"):
        store.read(TIME)
    assert store.read_version("1", TIME) == Secret(PAIR, "1")


def test_a_destroyed_version_is_not_found(openbao: OpenBao, kv2_mount: str) -> None:
    """A rollback to it says so."""
    for fields in (PAIR, NEW):
        openbao.put_v2(kv2_mount, "mpesa", fields)
    openbao.api("PUT", f"{kv2_mount}/destroy/mpesa", {"versions": [1]})
    with pytest.raises(SecretNotFound, match="version 1 is destroyed"):
        open_store(f"vault://{kv2_mount}/mpesa").read_version("1", TIME)


@pytest.mark.parametrize("version", ["0", "-1", "3", "", "²", "one"])
def test_what_is_no_version_is_not_found(openbao: OpenBao, kv2_mount: str, version: str) -> None:
    """Not even 0, by which Vault means the current one."""
    openbao.put_v2(kv2_mount, "mpesa", PAIR)
    with pytest.raises(SecretNotFound):
        open_store(f"vault://{kv2_mount}/mpesa").read_version(version, TIME)


def test_history_tells_the_fate_of_each_version(openbao: OpenBao, kv2_mount: str) -> None:
    """The newest readable one below the current is the previous."""
    for _ in range(6):
        openbao.put_v2(kv2_mount, "mpesa", PAIR)
    openbao.api("POST", f"{kv2_mount}/delete/mpesa", {"versions": [5]})
    openbao.api("PUT", f"{kv2_mount}/destroy/mpesa", {"versions": [3]})
    history = open_store(f"vault://{kv2_mount}/mpesa").history(TIME)
    assert [f"{version.version} {version.state}" for version in history] == [
        "6 current",
        "5 deleted",
        "4 previous",
        "3 destroyed",
        "2 superseded",
        "1 superseded",
    ]
    times = [version.created_at or 0.0 for version in history]
    assert times == sorted(times, reverse=True)
    assert abs(times[0] - time.time()) < 60


def test_a_version_that_will_be_deleted_is_still_current(openbao: OpenBao, kv2_mount: str) -> None:
    """delete_version_after sets the time of deletion ahead; an operator hears of it."""
    openbao.api("POST", f"{kv2_mount}/metadata/mpesa", {"delete_version_after": "24h"})
    openbao.put_v2(kv2_mount, "mpesa", PAIR)
    store = open_store(f"vault://{kv2_mount}/mpesa")
    assert [version.state for version in store.history(TIME)] == ["current"]
    assert any("delete_version_after is 24h" in remark for remark in store.remarks(TIME))


def test_writing_without_a_version_creates_and_never_replaces(kv2_mount: str) -> None:
    """A secret that somebody made meanwhile is a Conflict."""
    store = open_store(f"vault://{kv2_mount}/mpesa")
    assert store.write(Secret(PAIR), TIME) == "1"
    with pytest.raises(Conflict):
        store.write(Secret(NEW), TIME)
    assert store.read(TIME) == Secret(PAIR, "1")


def test_a_mount_that_demands_check_and_set_is_written(openbao: OpenBao, kv2_mount: str) -> None:
    """Every write checks, whatever the mount wants."""
    openbao.api("POST", f"{kv2_mount}/config", {"cas_required": True})
    store = open_store(f"vault://{kv2_mount}/mpesa")
    store.write(Secret(PAIR), TIME)
    assert store.write(Secret(NEW, "1"), TIME) == "2"


def test_a_denied_write_names_path_and_capability(
    openbao: OpenBao, kv2_mount: str, as_policy: Callable[[str], None]
) -> None:
    """An operator learns what the policy lacks, and nothing of the pair."""
    openbao.put_v2(kv2_mount, "mpesa", PAIR)
    as_policy(allow(f"{kv2_mount}/data/mpesa", "read"))
    with pytest.raises(AccessDenied) as refusal:
        open_store(f"vault://{kv2_mount}/mpesa").write(Secret(NEW, "1"), TIME)
    assert f"allow update on {kv2_mount}/data/mpesa" in str(refusal.value.hint)
    assert openbao.get_v2(kv2_mount, "mpesa") == PAIR


@pytest.mark.parametrize("capabilities", [["patch"], ["read", "update"]])
def test_a_note_is_merged_into_the_custom_metadata(
    openbao: OpenBao, kv2_mount: str, as_policy: Callable[[str], None], capabilities: list[str]
) -> None:
    """By PATCH or, where the policy lacks it, by reading and writing; other settings stay."""
    openbao.put_v2(kv2_mount, "mpesa", PAIR)
    settings = {"custom_metadata": {"owner": "payments", "by": "somebody"}, "max_versions": 5}
    openbao.api("POST", f"{kv2_mount}/metadata/mpesa", settings)
    as_policy(allow(f"{kv2_mount}/metadata/mpesa", *capabilities))
    open_store(f"vault://{kv2_mount}/mpesa").annotate({"by": "me", "fingerprint": "0123"}, TIME)
    metadata = openbao.metadata_v2(kv2_mount, "mpesa")
    assert metadata["custom_metadata"] == {"owner": "payments", "by": "me", "fingerprint": "0123"}
    assert metadata["max_versions"] == 5


def test_a_denied_note_is_access_denied(openbao: OpenBao, kv2_mount: str, as_policy: Callable[[str], None]) -> None:
    """The engine makes a warning of it."""
    openbao.put_v2(kv2_mount, "mpesa", PAIR)
    as_policy(allow(f"{kv2_mount}/data/mpesa", "read", "update"))
    with pytest.raises(AccessDenied, match="metadata/mpesa"):
        open_store(f"vault://{kv2_mount}/mpesa").annotate({"by": "me"}, TIME)


def test_version_1_says_what_it_cannot_promise(openbao: OpenBao, kv1_mount: str) -> None:
    """It takes no note, and is quiet about that."""
    openbao.put_v1(kv1_mount, "mpesa", PAIR)
    store = open_store(f"vault://{kv1_mount}/mpesa")
    assert any("has no versions" in remark and "cannot promise" in remark for remark in store.remarks(TIME))
    store.annotate({"by": "me"}, TIME)
    assert store.read(TIME) == Secret(PAIR)
    with pytest.raises(SecretNotFound):
        store.read_version("1", TIME)


@pytest.mark.parametrize("place", ["metadata/mpesa", "config"])
def test_a_single_kept_version_is_remarked(openbao: OpenBao, kv2_mount: str, place: str) -> None:
    """Whether the secret or the mount says so."""
    openbao.put_v2(kv2_mount, "mpesa", PAIR)
    store = open_store(f"vault://{kv2_mount}/mpesa")
    assert store.remarks(TIME) == []
    openbao.api("POST", f"{kv2_mount}/{place}", {"max_versions": 1})
    assert any("max_versions is 1" in remark for remark in store.remarks(TIME))


def test_a_mount_that_was_upgraded_is_found_out(openbao: OpenBao, kv1_mount: str) -> None:
    """A long-lived store looks at the mount again after the secret was not where it used to be."""
    openbao.put_v1(kv1_mount, "mpesa", PAIR)
    store = open_store(f"vault://{kv1_mount}/mpesa")
    assert store.read(TIME) == Secret(PAIR)
    openbao.api("DELETE", f"sys/mounts/{kv1_mount}")
    openbao.enable_kv(kv1_mount, 2)
    openbao.put_v2(kv1_mount, "mpesa", NEW)
    with pytest.raises(SecretNotFound):
        store.read(TIME)
    assert store.read(TIME) == Secret(NEW, "1")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"data": null}', MalformedSecret),
        (b'{"data": ["hush-1"]}', MalformedSecret),
        (b'{"data": {"data": "hush-1", "metadata": {"version": 1}}}', MalformedSecret),
        (b'{"errors": 5}', MalformedSecret),
        (b"[" * 100_000, StoreError),
        (b'"hush-1"', StoreError),
        (b"", StoreError),
    ],
)
def test_an_answer_of_another_shape_is_an_error_without_its_text(
    monkeypatch: pytest.MonkeyPatch, body: bytes, error: type[StoreError]
) -> None:
    """Whatever stands between us and Vault may answer anything."""
    with LoopbackServer(lambda _: Answer(200, body)) as server:
        monkeypatch.setenv("VAULT_ADDR", server.url)
        with pytest.raises(error) as refusal:
            open_store("vault://secret/mpesa?mount=secret&kv=2").read(TIME)
    assert "hush-1" not in f"{refusal.value!r} {refusal.value.hint}"


def test_the_command_line_lists_the_form_of_the_url() -> None:
    """`backends` shows it."""
    form: Any = open_store
    assert form.url_form == "vault://MOUNT/PATH"
