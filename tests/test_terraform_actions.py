"""What our commands ask of AWS is what the Terraform modules allow: no more, and nothing is allowed in vain."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mpesa_secrets.client import Mpesa
from mpesa_secrets.errors import AccessDenied
from mpesa_secrets.settings import Settings
from mpesa_secrets.simulator import Simulator
from mpesa_secrets.standing import standing
from tests.rotation_places import AwsPlace, bring, fields, pair, rotation
from tests.servers.aws import Aws
from tests.servers.faulty import FaultyProxy
from tests.terraform_policies import actions

OPTIONAL = "secretsmanager:ListSecretVersionIds"  # `status` shows more with it, and goes on without


class Scene:
    """A secret in AWS behind a proxy that remembers what was asked."""

    def __init__(self, place: AwsPlace, proxy: FaultyProxy, daraja: Simulator) -> None:
        self.place = place
        self.proxy = proxy
        self.daraja = daraja
        self.settings = Settings(place.url, base_url=daraja.base_url, timeout=10)

    def asked(self) -> set[str]:
        """The actions since the last time, as IAM names them."""
        found = {str(asked.target).replace(".", ":") for asked in self.proxy.requests}
        self.proxy.clear()
        return found

    def allow(self, allowed: set[str]) -> None:
        """Deny everything else."""
        self.proxy.fail_when(lambda asked: str(asked.target).replace(".", ":") not in allowed, "403")


@pytest.fixture
def scene(
    aws: Aws, many_pairs: Simulator, faulty_proxy: Callable[[str], FaultyProxy], monkeypatch: pytest.MonkeyPatch
) -> Scene:
    """Pair 1 in AWS."""
    place = AwsPlace(aws)
    proxy = faulty_proxy(aws.endpoint)
    for name, value in place.variables(proxy.url).items():
        monkeypatch.setenv(name, value)
    return Scene(place, proxy, many_pairs)


def test_a_reader_gets_a_token_with_a_readers_rights(scene: Scene) -> None:
    """With every other action denied."""
    scene.allow(actions("reader"))
    assert Mpesa(scene.settings).token().value
    assert scene.asked() <= actions("reader")


def test_status_is_content_with_a_readers_rights(scene: Scene) -> None:
    """It may ask for the list of versions, and shows what it has where that is denied."""
    scene.allow(actions("reader"))
    found = standing(scene.settings)
    assert (found.fingerprint, found.version) == (pair(1).fingerprint, scene.place.version())
    assert [version.state for version in found.history] == ["current"]
    asked = scene.asked()
    assert OPTIONAL in asked
    assert asked - {OPTIONAL} <= actions("reader")


def test_a_rotators_rights_are_what_rotation_and_rollback_need(scene: Scene) -> None:
    """Together they use every action that is allowed, and no other."""
    scene.allow(actions("rotator"))
    report = rotation(scene.place, scene.daraja).rotate(bring(2))
    assert all(step.ok for step in report.steps)
    used = scene.asked()
    scene.allow(actions("rotator"))
    report = rotation(scene.place, scene.daraja).rollback()
    assert all(step.ok for step in report.steps)
    assert scene.place.get() == fields(1)
    assert used | scene.asked() == actions("rotator")


def test_a_reader_cannot_rotate(scene: Scene) -> None:
    """And leaves nothing behind when it tries."""
    scene.allow(actions("reader"))
    with pytest.raises(AccessDenied, match="PutSecretValue"):
        rotation(scene.place, scene.daraja).rotate(bring(2))
    assert scene.place.get() == fields(1)
    assert scene.place.leftovers() == []
