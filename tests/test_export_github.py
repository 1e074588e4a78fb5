"""`mpesa-secrets export --format github`, as GitHub's runner takes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.extension_store import EXPECTED, NASTY, leading_to, printed
from tests.program import KEY, SECRET, run
from tests.servers.extension import ExtensionServer


@pytest.fixture
def extension() -> Iterator[ExtensionServer]:
    """A store of JSON secrets with one nasty one."""
    with ExtensionServer() as server:
        server.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET, **NASTY})
        yield server


def as_the_runner_reads(text: str) -> dict[str, str]:
    """What GitHub's runner makes of $GITHUB_ENV.

    Written after its FileCommandManager.cs: lines end with a line feed, `NAME<<DELIMITER` begins a value that ends
    before the line feed before the line that is the delimiter, `NAME=value` is a whole one, empty lines do not count.
    """
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        name, mark, rest = line.partition("<<" if "<<" in line.partition("=")[0] else "=")
        if not line:
            continue
        assert mark, line
        value = rest
        if mark == "<<":
            inside = []
            while (inner := next(lines)) != rest:
                inside.append(inner)
            value = "\n".join(inside)
        found[name] = value
    return found


def test_github_file_is_read_back_by_the_runner(extension: ExtensionServer, tmp_path: Path) -> None:
    """Every value, behind what other steps wrote, even without an end of line."""
    file = tmp_path / "env"
    file.write_bytes(b"OTHER=1")
    printed(extension, "github", GITHUB_ENV=str(file))
    assert as_the_runner_reads(file.read_bytes().decode()) == {"OTHER": "1", **EXPECTED}


def test_github_delimiter_cannot_be_foreseen(extension: ExtensionServer, tmp_path: Path) -> None:
    """Or a value could end itself and set other variables."""
    file = tmp_path / "env"
    for _ in range(2):
        printed(extension, "github", GITHUB_ENV=str(file))
    delimiters = [line.partition("<<")[2] for line in file.read_text().splitlines() if line.startswith("MPESA_")]
    assert len(set(delimiters)) == len(delimiters) == 2 * len(EXPECTED)
    assert file.stat().st_mode & 0o777 == 0o600


def test_github_masks_every_value_and_every_line_of_it(extension: ExtensionServer, tmp_path: Path) -> None:
    """Escaped as a workflow command's data; nothing else is printed, and nothing twice escaped."""
    output = printed(extension, "github", GITHUB_ENV=str(tmp_path / "env")).decode()
    lines = output.removesuffix("\n").split("\n")
    assert all(line.startswith("::add-mask::") and "\r" not in line for line in lines)
    masked = {unquote(line.removeprefix("::add-mask::")) for line in lines}
    values = [value for value in EXPECTED.values() if value.strip()]
    parts = [part for value in values for part in value.replace("\r", "\n").split("\n") if part.strip()]
    assert masked == {*values, *parts}


def test_github_does_not_mask_true_and_false(extension: ExtensionServer, tmp_path: Path) -> None:
    """No log could be read any more; numbers may be a PIN."""
    extension.hold("mpesa", {"consumer_key": KEY, "consumer_secret": SECRET, "live": True, "pin": 482915})
    output = printed(extension, "github", GITHUB_ENV=str(tmp_path / "env")).decode()
    assert output.split() == [f"::add-mask::{value}" for value in (KEY, SECRET, "482915")]


def test_github_without_its_file_is_a_configuration_error(extension: ExtensionServer, tmp_path: Path) -> None:
    """Before anything is read or printed."""
    for file in ({}, {"GITHUB_ENV": ""}):
        result = run("export", "--format", "github", environment={**leading_to(extension), **file})
        assert result.failed(3) == "GITHUB_ENV: not set"
    assert extension.requests == []
    result = run("export", "--format", "github", environment={**leading_to(extension), "GITHUB_ENV": str(tmp_path)})
    assert result.failed(3) == f"GITHUB_ENV {tmp_path}: Is a directory"
