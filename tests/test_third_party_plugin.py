"""A store of somebody else's: another distribution, in another process, through the same door as ours."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mpesa_secrets import ConfigurationError, connect
from tests.distributions import GROUP, install

PLUGIN = Path(__file__).parent / "plugin"
PAGE = Path(__file__).parents[1] / "docs" / "writing-a-store.md"
ASK = """
import json, sys
from mpesa_secrets.errors import MpesaSecretsError
from mpesa_secrets.stores import StoreDoor
try:
    StoreDoor(sys.argv[1]).read(5)
except MpesaSecretsError as error:
    print(json.dumps([type(error).__name__, str(error), error.hint, error.exit_code]))
"""
LIST = """
import json
from mpesa_secrets import plugins
found = plugins.installed(plugins.STORES)
print(json.dumps([{name: getattr(plugin, name) for name in plugin.__slots__} for plugin in found]))
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A directory for `PYTHONPATH` with the example plugin in it."""
    project = tomllib.loads((PLUGIN / "pyproject.toml").read_text())["project"]
    source = (PLUGIN / "mpesa_secrets_sqlite.py").read_text()
    directory = tmp_path / "site"
    install(
        directory,
        project["name"],
        project["entry-points"][GROUP],
        {"mpesa_secrets_sqlite": source},
        version=project["version"],
    )
    return directory


def python(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A Python process to which what is in `site` is installed."""
    environment = {**os.environ, "PYTHONPATH": str(site)}
    return subprocess.run(
        [sys.executable, *arguments], env=environment, cwd=site, capture_output=True, text=True, timeout=60
    )


def refusal(site: Path, url: str) -> Any:
    """Class, text, hint and exit code of what reading the URL raises."""
    run = python(site, "-c", ASK, url)
    assert run.stderr == ""
    return json.loads(run.stdout)


def test_the_example_passes_the_contract_suite(site: Path, tmp_path: Path) -> None:
    """Forty lines, an entry point and two fixtures are enough to be a store."""
    (tmp_path / "test_contract.py").write_bytes((PLUGIN / "contract.py").read_bytes())
    run = python(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(tmp_path))
    assert run.returncode == 0, run.stdout
    assert " passed" in run.stdout
    assert "skipped" not in run.stdout


def test_the_documented_example_passes_it_too(tmp_path: Path) -> None:
    """The code of the page, as it stands there: the store, its entry point, its test."""
    blocks = re.findall(r"^```(python|toml)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (_, store), (_, project), (_, test) = blocks
    site = tmp_path / "site"
    entry_points = tomllib.loads(project)["project"]["entry-points"][GROUP]
    install(site, "acme-jsonfile", entry_points, {"acme_jsonfile": store, "test_jsonfile": test})
    run = python(site, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={site}", str(site))
    assert run.returncode == 0, run.stdout


def test_it_is_listed_beside_ours(site: Path) -> None:
    """With its URL and where it comes from; one that cannot be imported is listed with its scheme."""
    install(site, "acme-broken", {"broken": "acme_broken:open_store"}, {"acme_broken": "import absent_sdk"})
    listed = {plugin["scheme"]: plugin for plugin in json.loads(python(site, "-c", LIST).stdout)}
    assert listed["sqlite"] == {
        "scheme": "sqlite",
        "url": "sqlite:///path/to/file",
        "distribution": "mpesa-secrets-sqlite",
        "version": "1.2.3",
    }
    assert listed["broken"]["url"] == "broken://"
    assert listed["env"]["distribution"] == "mpesa-secrets"


def test_an_unknown_scheme_names_those_that_are_known(site: Path) -> None:
    """A mistyped scheme is told apart from a plugin that is not installed."""
    kind, text, hint, code = refusal(site, "sqlight:///x")
    assert (kind, code) == ("ConfigurationError", 3)
    assert "'sqlight'" in text
    assert "sqlite" in hint
    assert "env" in hint


@pytest.mark.parametrize(("scheme", "other"), [("sqlite", "mpesa-secrets-sqlite"), ("env", "mpesa-secrets")])
def test_two_distributions_of_one_scheme_are_both_named(site: Path, scheme: str, other: str) -> None:
    """Nobody guesses which of them is meant, ours included."""
    install(site, "acme-rival", {scheme: "acme_rival:open_store"}, {"acme_rival": ""})
    kind, text, _, code = refusal(site, f"{scheme}:///x")
    assert (kind, code) == ("ConfigurationError", 3)
    assert f"acme-rival and {other}" in text


def test_two_distributions_of_one_token_cache_are_both_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default cache included."""
    install(tmp_path, "acme-rival", {}, {})
    (tmp_path / "acme_rival-1.0.dist-info" / "entry_points.txt").write_text(
        "[mpesa_secrets.token_caches]\nmemory = acme_rival:open_cache\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match="acme-rival and mpesa-secrets both claim"):
        connect()


def test_two_distributions_of_one_scheme_trouble_no_other(site: Path) -> None:
    """Only who asks for that scheme hears of it."""
    install(site, "acme-rival", {"sqlite": "acme_rival:open_store"}, {"acme_rival": ""})
    assert refusal(site, "env://")[0] == "SecretNotFound"


@pytest.mark.parametrize(
    "source",
    [
        "def open_store(url):\n    raise ValueError('hush-1')",
        "class Store:\n    def read(self, timeout):\n        {}['hush-1']\ndef open_store(url): return Store()",
    ],
)
def test_a_foreign_error_ends_in_one_line_without_its_text(site: Path, source: str) -> None:
    """Its class and place are told to whoever reports it; its text might hold a secret."""
    install(site, "acme-store", {"acme": "acme_store:open_store"}, {"acme_store": source})
    kind, text, hint, code = refusal(site, "acme://x")
    assert (kind, code) == ("StoreError", 4)
    assert "acme://x" in text
    assert "Error at acme_store:" in text
    assert "author" in hint
    assert "hush-1" not in text + hint
    assert "\n" not in text + hint


@pytest.mark.parametrize(
    "source",
    [
        "import absent_sdk.client",
        "def open_store(url):\n    import absent_sdk",
        "class Store:\n    def read(self, timeout):\n        import absent_sdk\ndef open_store(url): return Store()",
    ],
)
def test_a_missing_package_comes_with_its_pip_line(site: Path, source: str) -> None:
    """Whenever the plugin imports it; the extra is the entry point's."""
    install(site, "acme-store", {"acme": "acme_store:open_store [sdk]"}, {"acme_store": source})
    kind, text, hint, code = refusal(site, "acme://x")
    assert (kind, code) == ("ConfigurationError", 3)
    assert "absent_sdk is not installed" in text
    assert hint == "pip install 'acme-store[sdk]'"


@pytest.mark.parametrize(
    ("source", "kind", "word"),
    [
        ("open_store = 5", "ConfigurationError", "callable"),
        ("raise RuntimeError('hush-1')", "ConfigurationError", "RuntimeError"),
        ("open_store = str", "ConfigurationError", "read"),
        (
            "class Store:\n    def read(self, timeout): return {'consumer_secret': 'hush-1'}\n"
            "def open_store(url): return Store()",
            "StoreError",
            "no Secret",
        ),
    ],
)
def test_a_plugin_that_keeps_no_contract_is_named(site: Path, source: str, kind: str, word: str) -> None:
    """What is wrong with it, for its author."""
    install(site, "acme-store", {"acme": "acme_store:open_store"}, {"acme_store": source})
    found, text, _, _ = refusal(site, "acme://x")
    assert found == kind
    assert word in text
    assert "acme" in text
    assert "hush-1" not in text
