"""The Lambda layer: what is in it, what is not, and that it is enough."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import Distribution, PathDistribution
from importlib.util import find_spec
from pathlib import Path

import pytest

from mpesa_secrets.simulator import Simulator
from tests.program import KEY, SECRET
from tests.servers.extension import ExtensionServer
from tests.servers.lambda_runtime import LambdaRuntime

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "layer.py"
LAYER = "mpesa-secrets-layer.zip"
# What the runtime has, and what only some installations need.
NOT_IN_IT = {"boto3", "botocore", "hvac", "redis", "cryptography"}
# The runtime client, and what it imports.
CLIENT = ("awslambdaric", "runtime_client", "snapshot_restore_py", "simplejson")


def build(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs the script as `make layer` does."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--output", str(output), *options], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The layer, and what the script printed."""
    output = tmp_path_factory.mktemp("layer") / LAYER
    done = build(output)
    assert done.returncode == 0, done
    return output, done.stdout


@pytest.fixture
def opt(built: tuple[Path, str], tmp_path: Path) -> Path:
    """The layer where a function finds it, unpacked with its modes, as Lambda does."""
    subprocess.run(["unzip", "-q", str(built[0]), "-d", str(tmp_path / "opt")], check=True)
    return tmp_path / "opt"


@pytest.fixture
def runtime(tmp_path: Path) -> Path:
    """A directory with nothing but the runtime client in it, and a python3 that sees no other package."""
    directory = tmp_path / "runtime"
    directory.mkdir()
    for name in CLIENT:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        path = Path(spec.origin)
        source = path.parent if path.name == "__init__.py" else path
        (directory / source.name).symlink_to(source)
    python = directory / "python3"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    return directory


def test_size_is_printed_and_within_its_bound(built: tuple[Path, str]) -> None:
    """3 MB zipped, without boto3."""
    output, printed = built
    size = output.stat().st_size
    assert size <= 3_000_000
    assert printed.startswith(f"{output}: {size / 1e6:.2f} MB, ")


def test_layer_holds_what_is_needed_and_nothing_else(built: tuple[Path, str]) -> None:
    """Pure Python, for every version and architecture; no scripts and notes of the machine that built it."""
    with zipfile.ZipFile(built[0]) as archive:
        names = archive.namelist()
        contents = b"".join(archive.read(name) for name in names)
    top = {name.split("/")[1] for name in names if name.startswith("python/")}
    assert {"mpesa_secrets", "mpesa_secrets_backends", "requests", "tenacity", "click"} <= top
    assert not top & NOT_IN_IT
    assert {name for name in names if not name.startswith("python/")} == {"mpesa-secrets-exec"}
    assert not [name for name in names if name.endswith((".so", ".pyc", "/RECORD", "direct_url.json"))]
    assert "python/bin" not in {name.rpartition("/")[0] for name in names}
    assert str(ROOT).encode() not in contents


def test_plugins_are_found_in_the_layer(opt: Path) -> None:
    """The entry points came along."""
    (found,) = Distribution.discover(name="mpesa-secrets", path=[str(opt / "python")])
    assert isinstance(found, PathDistribution)
    assert {entry.name for entry in found.entry_points if entry.group == "mpesa_secrets.backends"} == {
        "env", "vault", "aws",
    }  # fmt: skip


@pytest.fixture
def function(tmp_path: Path) -> Iterator[LambdaRuntime]:
    with LambdaRuntime(tmp_path) as instance:
        yield instance


def test_function_runs_with_the_layer_alone(function: LambdaRuntime, opt: Path, runtime: Path) -> None:
    """The example handler, with neither boto3 nor anything else of this machine, through wrapper and extension."""
    with Simulator(KEY, SECRET) as daraja, ExtensionServer() as extension:
        extension.token = "session-token-of-the-function"
        extension.hold("mpesa/prod", {"consumer_key": KEY, "consumer_secret": SECRET})
        variables = {
            "PATH": f"{runtime}:{os.environ['PATH']}",
            "PYTHONPATH": f"{runtime}:{opt}/python",
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": extension.port,
            "MPESA_SECRETS_URL": "aws://mpesa/prod",
            "MPESA_BASE_URL": daraja.base_url,
        }
        command = (str(opt / "mpesa-secrets-exec"), "python3", "-m", "awslambdaric")
        function.start("handler.handler", variables, directory=ROOT / "lambda", runtime=command)
        outcome = function.invoke({"Amount": 1})
        assert outcome.kind == "response", (outcome, function.log)


def test_wrapper_takes_the_package_out_of_its_own_layer(opt: Path, runtime: Path) -> None:
    """Wherever it was unpacked, without PYTHONPATH, and without leaving one behind."""
    environment = {"PATH": f"{runtime}:/usr/bin:/bin", "MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET}
    show = [str(opt / "mpesa-secrets-exec"), "sh", "-c", "echo ${PYTHONPATH-none}; echo $MPESA_CONSUMER_SECRET"]
    done = subprocess.run(show, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"none\n{SECRET}\n", "")


def test_same_sources_make_the_same_bytes(built: tuple[Path, str], tmp_path: Path) -> None:
    """Or every deployment would look like a change."""
    assert build(tmp_path / LAYER).returncode == 0
    assert (tmp_path / LAYER).read_bytes() == built[0].read_bytes()


def test_layer_for_a_shared_token_holds_its_encryption(tmp_path: Path) -> None:
    """For one architecture and one Python, and larger by that."""
    done = build(tmp_path / LAYER, "--shared", "arm64", "--python-version", "3.13")
    assert done.returncode == 0, done
    with zipfile.ZipFile(tmp_path / LAYER) as archive:
        names = archive.namelist()
    assert any(name.startswith("python/cryptography/") for name in names)
    assert all("aarch64" in name or ".abi3." in name for name in names if name.endswith(".so"))
    assert not {name.split("/")[1] for name in names if "/" in name} & (NOT_IN_IT - {"cryptography"})


def test_layer_beyond_its_bound_fails_the_build(tmp_path: Path) -> None:
    """And says so: a dependency that grew is noticed by who adds it."""
    script = (SCRIPT.read_text()).replace("MOST, MOST_SHARED = 3 * MEGABYTE", "MOST, MOST_SHARED = 3 * 10")
    changed = tmp_path / "scripts" / "layer.py"
    changed.parent.mkdir()
    changed.write_text(script.replace("parents[1]", f"parents[1] and Path({str(ROOT)!r})"))
    done = subprocess.run(
        [sys.executable, str(changed), "--output", str(tmp_path / LAYER)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.endswith(f"{tmp_path / LAYER}: larger than 0 MB\n")
