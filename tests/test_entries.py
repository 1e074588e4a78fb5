"""Entry points, read from the files of what is installed."""

from __future__ import annotations

import importlib.metadata
import zipfile
from pathlib import Path

import pytest

from mpesa_secrets import plugins
from mpesa_secrets.entries import everything, named
from tests.distributions import install

SOURCE = "class Makes:\n    @staticmethod\n    def store(url): return url\n"


@pytest.mark.parametrize("group", [plugins.STORES, plugins.TOKEN_CACHES, "console_scripts", "pytest11"])
def test_the_files_say_what_importlib_metadata_says(group: str) -> None:
    """In whatever is installed beside the tests."""
    theirs = {(entry.name, entry.value) for entry in importlib.metadata.entry_points(group=group)}
    assert {entry.name for entry in everything(group)} == {name for name, _ in theirs}
    for name, value in theirs:
        assert any(value.startswith(entry._module) for entry in named(group, name))


def test_an_entry_loads_what_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An attribute of an attribute too; and it knows its extras and its distribution."""
    install(tmp_path, "Acme.Store", {"acme": "entry_store:Makes.store [one,two]"}, {"entry_store": SOURCE})
    monkeypatch.syspath_prepend(tmp_path)
    (entry,) = named(plugins.STORES, "acme")
    assert entry.load()("x") == "x"
    assert (entry.extras, entry.about("Name"), entry.about("Nothing")) == (["one", "two"], "Acme.Store", "")


def test_of_one_distribution_the_first_on_the_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is the one that is imported."""
    for place in ("second", "first"):
        install(tmp_path / place, "acme", {"acme": f"{place}:store"}, {place: "store = len"})
        monkeypatch.syspath_prepend(tmp_path / place)
    assert [entry._module for entry in named(plugins.STORES, "acme")] == ["first"]


def test_what_lies_in_a_zip_file_is_found_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By importlib.metadata, which is asked where the files have nothing."""
    install(tmp_path / "tree", "zipped", {"zipped": "zipped_store:store"}, {"zipped_store": "store = len"})
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in (tmp_path / "tree").rglob("*"):
            archive.write(path, path.relative_to(tmp_path / "tree"))
    monkeypatch.syspath_prepend(tmp_path / "all.zip")
    (entry,) = named(plugins.STORES, "zipped")
    assert (entry.load(), entry.about("Name")) == (len, "zipped")
