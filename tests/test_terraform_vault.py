"""The Vault policies that Terraform writes, tried on a real server: enough for each role, and nothing more."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.servers.openbao import OpenBao, OpenBaoError
from tests.terraform_policies import vault_policy

PATH = "mpesa/prod"

# What neither role may do: method, path after the mount, body.
FORBIDDEN: list[tuple[str, str, Any]] = [
    ("DELETE", f"data/{PATH}", None),
    ("DELETE", f"metadata/{PATH}", None),
    ("POST", f"delete/{PATH}", {"versions": [1]}),
    ("POST", f"undelete/{PATH}", {"versions": [1]}),
    ("POST", f"destroy/{PATH}", {"versions": [1]}),
    ("LIST", "metadata", None),
    ("LIST", "metadata/mpesa", None),
    ("LIST", f"metadata/{PATH}", None),
    ("GET", "data/mpesa/staging", None),
    ("GET", f"data/{PATH}/below", None),
    ("POST", "data/mpesa/staging", {"data": {"consumer_key": "mine"}}),
    ("GET", "config", None),
    ("POST", "config", {"max_versions": 1}),
    ("POST", f"metadata/{PATH}", {"max_versions": 1}),
    ("POST", f"metadata/{PATH}", {"delete_version_after": "1s"}),
    ("POST", f"metadata/{PATH}", {"cas_required": False, "custom_metadata": {"by": "me"}}),
]
WRITES: list[tuple[str, str, Any]] = [
    ("POST", f"data/{PATH}", {"data": {"consumer_key": "mine"}}),
    ("POST", f"metadata/{PATH}", {"custom_metadata": {"by": "me"}}),
]


@pytest.fixture
def mount(openbao: OpenBao, kv2_mount: str) -> str:
    """A mount with the secret in two versions, and a neighbour."""
    openbao.put_v2(kv2_mount, PATH, {"consumer_key": "old"})
    openbao.put_v2(kv2_mount, PATH, {"consumer_key": "new"})
    openbao.put_v2(kv2_mount, "mpesa/staging", {"consumer_key": "other"})
    return kv2_mount


def token_of(role: str, openbao: OpenBao, mount: str) -> str:
    """Returns a token with the policy of a role, as a login of that role would get."""
    return openbao.token([openbao.policy(f"{mount}-{role}", vault_policy(role, mount, PATH))])


def assert_denied(openbao: OpenBao, token: str, method: str, path: str, body: Any) -> None:
    """Sees to it that the server denies a call; a call that fails otherwise has not been denied."""
    with pytest.raises(OpenBaoError) as answer:
        openbao.api(method, path, body, token)
    assert answer.value.status == 403


def patch(openbao: OpenBao, token: str, path: str, body: Any) -> int:
    """Merges a body into what is there and returns the HTTP status."""
    headers = {"X-Vault-Token": token, "Content-Type": "application/merge-patch+json"}
    return requests.patch(f"{openbao.address}/v1/{path}", json=body, headers=headers, timeout=10).status_code


@pytest.mark.parametrize("role", ["reader", "rotator"])
def test_both_roles_read_the_secret_and_where_it_stands(role: str, openbao: OpenBao, mount: str) -> None:
    """The pair, an earlier one, the versions, and where the mount ends."""
    token = token_of(role, openbao, mount)
    for path in (
        f"{mount}/data/{PATH}",
        f"{mount}/data/{PATH}?version=1",
        f"{mount}/metadata/{PATH}",
        f"sys/internal/ui/mounts/{mount}/{PATH}",
    ):
        assert openbao.api("GET", path, token=token), path


@pytest.mark.parametrize("role", ["reader", "rotator"])
@pytest.mark.parametrize(("method", "path", "body"), FORBIDDEN)
def test_neither_role_deletes_lists_or_leaves_its_path(
    role: str, method: str, path: str, body: Any, openbao: OpenBao, mount: str
) -> None:
    """What would lose versions, or reach another secret, is denied."""
    assert_denied(openbao, token_of(role, openbao, mount), method, f"{mount}/{path}", body)


@pytest.mark.parametrize(("method", "path", "body"), WRITES)
def test_a_reader_writes_nothing(method: str, path: str, body: Any, openbao: OpenBao, mount: str) -> None:
    """Neither the pair nor who wrote it."""
    assert_denied(openbao, token_of("reader", openbao, mount), method, f"{mount}/{path}", body)
    assert openbao.get_v2(mount, PATH) == {"consumer_key": "new"}


def test_a_rotator_writes_a_version_only_over_the_one_that_it_names(openbao: OpenBao, mount: str) -> None:
    """Check-and-set works under the policy: a conflict is no denial."""
    token = token_of("rotator", openbao, mount)
    openbao.api("POST", f"{mount}/data/{PATH}", {"data": {"consumer_key": "3"}, "options": {"cas": 2}}, token)
    assert openbao.get_v2(mount, PATH) == {"consumer_key": "3"}
    with pytest.raises(OpenBaoError, match="check-and-set") as conflict:
        openbao.api("POST", f"{mount}/data/{PATH}", {"data": {}, "options": {"cas": 2}}, token)
    assert conflict.value.status == 400


def test_a_rotator_writes_where_nothing_is_yet(openbao: OpenBao, kv2_mount: str) -> None:
    """The first pair may come from a rotator too."""
    token = token_of("rotator", openbao, kv2_mount)
    openbao.api("POST", f"{kv2_mount}/data/{PATH}", {"data": {"consumer_key": "1"}, "options": {"cas": 0}}, token)
    assert openbao.get_v2(kv2_mount, PATH) == {"consumer_key": "1"}


def test_a_rotator_leaves_behind_who_it_was(openbao: OpenBao, mount: str) -> None:
    """Custom metadata can be replaced and merged, and no other setting with it."""
    token = token_of("rotator", openbao, mount)
    metadata = f"{mount}/metadata/{PATH}"
    openbao.api("POST", metadata, {"custom_metadata": {"by": "me"}}, token)
    assert patch(openbao, token, metadata, {"custom_metadata": {"fingerprint": "abc"}}) < 300
    assert openbao.metadata_v2(mount, PATH)["custom_metadata"] == {"by": "me", "fingerprint": "abc"}
    assert patch(openbao, token, metadata, {"max_versions": 1}) == 403
    assert patch(openbao, token_of("reader", openbao, mount), metadata, {"custom_metadata": {"by": "x"}}) == 403
