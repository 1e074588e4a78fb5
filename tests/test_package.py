"""Guards on the package itself: what it imports, what it exports, what is in the wheel."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import mpesa_secrets
from mpesa_secrets import errors
from mpesa_secrets.simulator import Simulator
from tests.program import KEY, SECRET, run, variables

ROOT = Path(__file__).parents[1]
CORE = sorted((ROOT / "mpesa_secrets").rglob("*.py"))
PLUGINS = sorted((ROOT / "backends").rglob("*.py"))
HEAVY = {
    "requests", "tenacity", "click", "asyncio", "boto3", "botocore", "hvac", "redis",
    "importlib.metadata", "logging", "dataclasses", "typing",
}  # fmt: skip
SDKS = {"boto3", "botocore", "hvac", "redis", "valkey", "moto"}
PRINT_MODULES = "; import sys; print(*sys.modules)"


def test_importing_the_package_imports_next_to_nothing() -> None:
    """Neither what it needs later nor what it may never need."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import mpesa_secrets"
    modules = _modules("-I", "-S", "-c", code + PRINT_MODULES)
    assert "mpesa_secrets" in modules
    assert modules & HEAVY == set()


def test_token_from_the_environment_imports_nothing_that_it_does_not_need() -> None:
    """The common case is the cheapest."""
    with Simulator(KEY, SECRET) as daraja:
        code = "import mpesa_secrets; mpesa_secrets.connect().token()"
        modules = _modules("-c", code + PRINT_MODULES, **variables(daraja.base_url))
    assert "requests" in modules
    assert modules & {*SDKS, "asyncio", "tenacity", "click", "cryptography"} == set()


def _modules(*arguments: str, **environment: str) -> set[str]:
    result = run(*arguments, program=(sys.executable,), environment=environment)
    assert result.code == 0, result
    return set(result.out.split())


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("file", CORE, ids=lambda file: str(file.relative_to(ROOT)))
def test_core_knows_neither_sdks_nor_our_plugins(file: Path) -> None:
    """Ours come in by the same door as anybody's."""
    imported = {name.partition(".")[0] for name in _imports(file)}
    assert imported & {*SDKS, "backends", "mpesa_secrets_backends"} == set()


@pytest.mark.parametrize("file", PLUGINS, ids=lambda file: str(file.relative_to(ROOT)))
def test_plugins_know_no_commands(file: Path) -> None:
    """A store is for every caller; it prints nothing and parses no options."""
    assert not any(name == "click" or name.startswith("mpesa_secrets.commands") for name in _imports(file))


@pytest.mark.parametrize("name", mpesa_secrets.__all__)
def test_exported_name_resolves(name: str) -> None:
    """At its first use."""
    assert getattr(mpesa_secrets, name).__name__ == name


def test_type_checkers_see_what_is_exported() -> None:
    """The block for them names the same as `__all__`."""
    tree = ast.parse((ROOT / "mpesa_secrets" / "__init__.py").read_text())
    seen = [alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    assert sorted(name for name in seen if name) == mpesa_secrets.__all__
    assert set(mpesa_secrets.__all__) <= set(dir(mpesa_secrets))


def test_every_error_is_exported() -> None:
    """With the code and the verdict of its own."""
    ours = {
        name for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.MpesaSecretsError)
    }  # fmt: skip
    assert ours <= set(mpesa_secrets.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="no attribute 'frobnicate'"):
        mpesa_secrets.frobnicate  # type: ignore[attr-defined]  # noqa: B018  reading it is the test


@pytest.mark.parametrize("group", ["mpesa_secrets.backends", "mpesa_secrets.token_caches"])
def test_our_entry_points_resolve(group: str) -> None:
    """Each to a callable that tells the form of its URLs."""
    ours = [entry for entry in entry_points(group=group) if entry.dist and entry.dist.name == "mpesa-secrets"]
    assert ours
    for entry in ours:
        assert str(entry.load().url_form).startswith(f"{entry.name}:")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy so that the tree stays clean."""
    place = tmp_path_factory.mktemp("wheel")
    for name in ("mpesa_secrets", "backends"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", "dist", "."]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = (place / "dist").glob("*.whl")
    return zipfile.ZipFile(file)


def test_wheel_holds_every_file_of_both_packages(wheel: zipfile.ZipFile) -> None:
    """The folder `backends` under its installed name, and both marked as typed."""
    core = {str(file.relative_to(ROOT)) for file in CORE}
    plugins = {f"mpesa_secrets_backends/{file.relative_to(ROOT / 'backends')}" for file in PLUGINS}
    names = set(wheel.namelist())
    assert core | plugins <= names
    assert {"mpesa_secrets/py.typed", "mpesa_secrets_backends/py.typed"} <= names


def test_wheel_claims_no_other_name(wheel: zipfile.ZipFile) -> None:
    """Neither `backends` nor `tests`; the licence is there."""
    names = wheel.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mpesa_secrets", "mpesa_secrets_backends"}
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_api_type_checks_as_a_user_writes_it(tmp_path: Path) -> None:
    """Strictly, in a folder of the user's own."""
    shutil.copy(ROOT / "tests" / "typing" / "api.py", tmp_path)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports", "silent", "api.py"]
    result = subprocess.run(
        command, cwd=tmp_path, env={"MYPYPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout
