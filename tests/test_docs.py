"""The documentation says what is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from mpesa_secrets.commands.program import COMMANDS, program
from mpesa_secrets.settings import Settings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("terraform/**/*.md"))]
TEXTS = [*PAGES, ROOT / "Makefile", ROOT / "constraints.txt", ROOT / "pyproject.toml",
         *sorted((ROOT / ".github").rglob("*.yml")), ROOT / ".ci" / "run"]  # fmt: skip
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:(?<=[`$(|;&\s])|^)mpesa-secrets(?: +[^`\n]+)", re.MULTILINE)
ENDS = re.compile(r"[|;&<>()]+")
REGISTRIES = re.compile(
    r"pypi|pythonhosted|registry\.|ghcr\.io|docker\.io|index-url|find-links|artifactory", re.IGNORECASE
)


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_readme_shows_code_at_once_and_is_short() -> None:
    """Within 15 lines, and 200 in all."""
    lines = README.read_text().splitlines()
    assert any(line.startswith("```python") for line in lines[:15])
    assert len(lines) <= 200


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_relative_links_lead_somewhere(page: Path) -> None:
    """To a file that is there, and to a heading in it."""
    for link in LINK.findall(page.read_text()):
        path, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = page.parent / path if path else page
        assert target.exists(), f"{link} of {_name(page)}"
        if anchor:
            assert anchor in set(_anchors(target)), f"{link} of {_name(page)}"


def _anchors(page: Path) -> Iterator[str]:
    for heading in re.findall(r"^#+ +(.+)$", page.read_text(), re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _command_lines() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        text = re.sub(r"\\\n\s*", " ", page.read_text())
        code = "\n".join(re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
        spans = "\n".join(re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text))
        found += [(_name(page), line.strip()) for line in COMMAND.findall(f"{code}\n{spans}")]
    return found


def _words(line: str) -> list[str]:
    """The words of one command: up to a pipe, a redirection, a comment or another program's part."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = []
    for word in lexer:
        if ENDS.fullmatch(word) or word == "--":
            break
        words.append(word)
    return words


@pytest.mark.parametrize(("page", "line"), _command_lines(), ids=str)
def test_command_lines_exist(page: str, line: str) -> None:
    """The command, and each of its options."""
    words = _words(line.replace("[", "").replace("]", "").replace("…", ""))[1:]
    name = next((word for word in words if word in COMMANDS), None)
    options = {option for parameter in program.params for option in parameter.opts}
    if name is None:
        assert all(word.startswith("-") for word in words), f"no command in {line!r} of {page}"
    else:
        command = program.get_command(click.Context(program), name)
        assert command is not None
        options |= {option for parameter in command.params for option in parameter.opts}
    options |= {"--help", "-h"}
    for word in words:
        if re.match(r"--?[a-z]", word):
            assert word.partition("=")[0] in options, f"{line!r} of {page}"


def test_every_command_is_in_the_readme() -> None:
    """By its name."""
    text = README.read_text()
    assert [name for name in COMMANDS if f"`{name}" not in text and f"mpesa-secrets {name}" not in text] == []


def test_every_setting_is_in_the_readme() -> None:
    """By its variable."""
    names = {"url": "MPESA_SECRETS_URL"}
    text = README.read_text()
    wanted = [names.get(name, f"MPESA_{name.upper()}") for name in Settings.__slots__ if not name.startswith("_")]
    assert [name for name in wanted if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_make_targets_exist(page: Path) -> None:
    """Whatever the documentation tells to make."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE)) <= targets


@pytest.mark.parametrize("file", TEXTS, ids=_name)
def test_no_registry_is_named(file: Path) -> None:
    """Packages come from wherever the machine gets its packages."""
    assert REGISTRIES.findall(file.read_text()) == []
