"""The places of a secret that can be rotated, all alike: a dotenv file, KV version 2 and 1, AWS Secrets Manager.

A place is looked at and written past our own code, as another program would do it.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from mpesa_secrets_backends.stores.vault import http as vault_http

from mpesa_secrets.credentials import Credentials
from mpesa_secrets.rotation import NewPair, Report, Rotation, change, reading
from mpesa_secrets.settings import Settings
from mpesa_secrets.simulator import Simulator
from tests.servers.aws import Aws
from tests.servers.loopback import Answer, LoopbackServer, Request, forward
from tests.servers.openbao import OpenBao

KINDS = ("dotenv", "kv2", "kv1", "aws")
NETWORKED = ("kv2", "kv1", "aws")
VERSIONED = ("dotenv", "kv2", "aws")
NEIGHBOURS: Mapping[str, object] = {
    "passkey": "0f" * 32,
    "shortcode": 174379,
    "rate": 0.5,
    "live": True,
    "nothing": None,
    "nested": {"list": [1, "two", None]},
}
_numbers = itertools.count(1)


def pair(number: int) -> Credentials:
    """One of many pairs, of the usual lengths."""
    return Credentials(f"KeyNumber{number:03}".ljust(48, "k"), f"SecretNumber{number:03}".ljust(64, "s"))


def fields(number: int) -> dict[str, object]:
    """A secret with that pair and the neighbours."""
    one = pair(number)
    return {**NEIGHBOURS, "consumer_key": one.consumer_key, "consumer_secret": one.consumer_secret}


class Place(Protocol):
    """A secret with pair 1 in it.

    Attributes:
        url: what MPESA_SECRETS_URL says.
        upstream: the server's URL, "" where there is none.
    """

    url: str
    upstream: str

    def variables(self, address: str = "") -> dict[str, str]:
        """What leads a process there, or to the server at `address` in place of the real one."""
        ...

    def another(self) -> Place:
        """A new secret of the same kind."""
        ...

    def get(self) -> dict[str, object]:
        """The fields as they are."""
        ...

    def put(self, content: Mapping[str, object]) -> None:
        """Somebody else writes."""
        ...

    def version(self) -> str | None:
        """The current version by the store's own name."""
        ...

    def leftovers(self) -> list[str]:
        """What a rotation should not leave behind."""
        ...


class DotenvPlace:
    """A file whose lines nobody may touch."""

    upstream = ""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.path = directory / f"{next(_numbers)}" / "app.env"
        self.path.parent.mkdir()
        self.url = f"env://{self.path}"
        self.put(fields(1))

    def variables(self, address: str = "") -> dict[str, str]:  # noqa: ARG002  there is no server
        """Nothing."""
        return {}

    def another(self) -> DotenvPlace:
        """A file in a directory of its own."""
        return DotenvPlace(self._directory)

    def get(self) -> dict[str, object]:
        """The text itself is what counts: all of it must be as it was."""
        text = self.path.read_text()
        number = next((n for n in range(1, 300) if text == self._text(fields(n))), None)
        return fields(number) if number else {"text": text}

    def put(self, content: Mapping[str, object]) -> None:
        """As an editor does that saves in one step."""
        new = self.path.with_name("editor.tmp")
        new.write_text(self._text(content))
        new.chmod(0o600)
        new.replace(self.path)

    def version(self) -> str | None:
        """The store's own name for it is a digest."""
        import hashlib

        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]

    def leftovers(self) -> list[str]:
        """Any file but the two."""
        return sorted({path.name for path in self.path.parent.iterdir()} - {"app.env", "app.env.previous"})

    @staticmethod
    def _text(content: Mapping[str, object]) -> str:
        others = "".join(f"MPESA_{name.upper()}={json.dumps(json.dumps(content[name]))}\n" for name in NEIGHBOURS)
        return (
            f"# ours\nexport MPESA_CONSUMER_KEY={content['consumer_key']}  # the app's\n\n{others}"
            f"MPESA_CONSUMER_SECRET='{content['consumer_secret']}'\nDATABASE_URL=postgres://db\n"
        )


class KvPlace:
    """A secret in OpenBao."""

    def __init__(self, openbao: OpenBao, mount: str, kv: int) -> None:
        self.openbao, self.mount, self.kv = openbao, mount, kv
        self.path = f"mpesa/{next(_numbers)}"
        self.url = f"vault://{mount}/{self.path}"
        self.upstream = openbao.address
        self.put(fields(1))

    def variables(self, address: str = "") -> dict[str, str]:
        """Root's login."""
        return {**self.openbao.environment, **({"VAULT_ADDR": address} if address else {})}

    def another(self) -> KvPlace:
        """Another path."""
        return KvPlace(self.openbao, self.mount, self.kv)

    def get(self) -> dict[str, object]:
        """By the API."""
        read = self.openbao.get_v2 if self.kv == 2 else self.openbao.get_v1
        return read(self.mount, self.path)

    def put(self, content: Mapping[str, object]) -> None:
        """A plain write."""
        if self.kv == 2:
            self.openbao.put_v2(self.mount, self.path, dict(content))
        else:
            self.openbao.put_v1(self.mount, self.path, dict(content))

    def version(self) -> str | None:
        """The number in version 2."""
        return str(self.openbao.metadata_v2(self.mount, self.path)["current_version"]) if self.kv == 2 else None

    def leftovers(self) -> list[str]:
        """A write leaves nothing but versions."""
        return []


class AwsPlace:
    """A secret in Secrets Manager."""

    def __init__(self, aws: Aws, client: Any = None) -> None:
        self.aws = aws
        self.client = client or aws.client("secretsmanager")
        self.name = f"mpesa/{next(_numbers)}"
        self.url = f"aws://{self.name}"
        self.upstream = aws.endpoint
        self.client.create_secret(Name=self.name, SecretString=json.dumps(fields(1)))

    def variables(self, address: str = "") -> dict[str, str]:
        """The account's login."""
        return {**self.aws.environment, **({"AWS_ENDPOINT_URL": address} if address else {})}

    def another(self) -> AwsPlace:
        """Another name."""
        return AwsPlace(self.aws, self.client)

    def get(self) -> dict[str, object]:
        """At AWSCURRENT."""
        answer = self.client.get_secret_value(SecretId=self.name, VersionStage="AWSCURRENT")
        return dict(json.loads(answer["SecretString"]))

    def put(self, content: Mapping[str, object]) -> None:
        """A new version, then the label: moto's own move of it would label the wrong version as previous."""
        version = self.client.put_secret_value(
            SecretId=self.name, SecretString=json.dumps(dict(content)), VersionStages=["OTHER"]
        )["VersionId"]
        self.client.update_secret_version_stage(
            SecretId=self.name, VersionStage="AWSCURRENT", RemoveFromVersionId=self.version(), MoveToVersionId=version
        )

    def version(self) -> str | None:
        """The one with AWSCURRENT."""
        return self.stages().get("AWSCURRENT")

    def stages(self) -> dict[str, str]:
        """Stage to version."""
        labels = self.client.describe_secret(SecretId=self.name)["VersionIdsToStages"]
        return {stage: version for version, stages in labels.items() for stage in stages}

    def leftovers(self) -> list[str]:
        """AWSPENDING."""
        return [f"AWSPENDING on {version}" for stage, version in self.stages().items() if stage == "AWSPENDING"]


class OneByOne(LoopbackServer):
    """Lets one request after the other through: moto's moves of labels are not atomic, AWS's are."""

    def __init__(self, upstream: str) -> None:
        lock = threading.Lock()

        def answer(request: Request) -> Answer:
            with lock:
                return forward(request, upstream)

        super().__init__(answer)


def place_of(kind: str, request: pytest.FixtureRequest) -> Place:
    """A new place of one of KINDS, on the servers of the fixtures."""
    if kind == "dotenv":
        return DotenvPlace(request.getfixturevalue("tmp_path"))
    if kind == "aws":
        return AwsPlace(request.getfixturevalue("aws"))
    return KvPlace(request.getfixturevalue("openbao"), request.getfixturevalue(f"{kind}_mount"), int(kind[-1]))


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests in which the number of tries counts, not the time between them."""
    monkeypatch.setattr(change, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(reading, "PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(vault_http, "PAUSES", (0.01, 0.01, 0.01))


@pytest.fixture
def many_pairs() -> Iterator[Simulator]:
    """A Daraja that accepts pairs 1 to 20."""
    with Simulator(pair(1).consumer_key, pair(1).consumer_secret) as daraja:
        for number in range(2, 21):
            daraja.accept(pair(number).consumer_key, pair(number).consumer_secret)
        yield daraja


@pytest.fixture
def lead(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, str]], None]:
    """Sets variables for this process and its children."""

    def set_them(variables: Mapping[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_them


def rotation(place: Place, daraja: Simulator, **options: Any) -> Rotation:
    """A rotation of this place's pair, in this process; `options` are Rotation's."""
    return Rotation(Settings(place.url, base_url=daraja.base_url, timeout=10), **options)


def bring(number: int) -> Callable[[], NewPair]:
    """Gives the new pair when it is asked for."""
    return lambda: NewPair(pair(number))


def rotate(place: Place, daraja: Simulator, number: int = 2, **options: Any) -> Report:
    """One rotation in this process, to that pair."""
    return rotation(place, daraja, **options).rotate(bring(number))
