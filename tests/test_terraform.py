"""The Terraform tree keeps its own rules, and the script that checks it says what it did."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.terraform_policies import TERRAFORM, actions

CHECK = TERRAFORM.parent / "scripts" / "terraform-check"
MODULES = sorted((TERRAFORM / "modules").iterdir())
EVERYTHING = [*MODULES, *sorted((TERRAFORM / "examples").iterdir())]
SOUNDS_SECRET = re.compile(r"(^|_)(value|secret|password|token|key|credentials)$")

every_directory = pytest.mark.parametrize("directory", EVERYTHING, ids=lambda path: path.name)


def blocks(kind: str, file: Path) -> Iterator[tuple[str, str]]:
    """Yields name and body of the blocks of one kind in a file that `terraform fmt` has formatted."""
    for found in re.finditer(rf'^{kind} "(\w+)" {{\n(.*?)^}}', file.read_text(), re.MULTILINE | re.DOTALL):
        yield found[1], found[2]


def has(body: str, argument: str) -> bool:
    """Tells whether a block has an argument of its own, not in a block within it."""
    return re.search(rf"^  {argument} +=", body, re.MULTILINE) is not None


def terraform_tests(directory: Path) -> str:
    """Returns the text of a directory's Terraform tests."""
    return "\n".join(file.read_text() for file in sorted(directory.glob("tests/*.tftest.hcl")))


@every_directory
def test_each_module_and_example_is_whole(directory: Path) -> None:
    """Main, variables, outputs, versions, README, and tests that reach no cloud."""
    wanted = {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"}
    assert wanted <= {file.name for file in directory.iterdir()}
    assert "mock_provider" in terraform_tests(directory)


@every_directory
def test_each_variable_says_what_it_is(directory: Path) -> None:
    """Description and type, and what is refused is tried."""
    for name, body in blocks("variable", directory / "variables.tf"):
        assert has(body, "description"), name
        assert has(body, "type"), name
        if "validation {" in body:
            assert re.search(rf"expect_failures = .*\bvar\.{name}\b", terraform_tests(directory)), (
                f"{name} is not tried"
            )


@every_directory
def test_each_output_says_what_it_is(directory: Path) -> None:
    """Nothing secret is put out, so no output needs to be sensitive."""
    for name, body in blocks("output", directory / "outputs.tf"):
        assert has(body, "description"), name
        assert not has(body, "sensitive"), name


@every_directory
def test_a_secret_is_never_kept(directory: Path) -> None:
    """What sounds secret is sensitive and ephemeral, and goes into write-only arguments alone."""
    for name, body in blocks("variable", directory / "variables.tf"):
        secret = SOUNDS_SECRET.search(name) is not None
        assert secret == has(body, "sensitive") == has(body, "ephemeral"), name
        for file in directory.glob("*.tf") if secret else ():
            uses = re.findall(rf"^ *(\w+) += .*\bvar\.{name}\b", file.read_text(), re.MULTILINE)
            assert [use for use in uses if use != "condition" and not use.endswith("_wo")] == [], file


@every_directory
def test_the_terraform_that_knows_write_only_arguments_is_demanded(directory: Path) -> None:
    """An older Terraform would end with a message about an unknown argument."""
    assert 'required_version = ">= 1.11"' in (directory / "versions.tf").read_text()


def test_a_rotator_may_do_what_a_reader_may() -> None:
    """Rotation begins and ends with reading."""
    assert actions("reader") < actions("rotator")


def test_no_action_is_a_pattern() -> None:
    """A star would allow what AWS invents tomorrow."""
    everything = actions("reader") | actions("rotator") | actions("token-cache")
    assert not [action for action in everything if not re.fullmatch(r"[a-z]+:[A-Za-z]+", action)]


@pytest.mark.parametrize("example", ["lambda", "ecs"])
def test_each_role_that_may_read_is_let_in_by_the_secret(example: str) -> None:
    """The secret's own policy refuses a role that has the reader's policy but is not listed."""
    text = (TERRAFORM / "examples" / example / "main.tf").read_text()
    listed = re.findall(r"(?:reader|rotator)_arns +=.*", text)
    attachments = blocks('resource "aws_iam_role_policy_attachment"', TERRAFORM / "examples" / example / "main.tf")
    roles = [name for name, body in attachments if "module.secret." in body]
    assert len(roles) == 2
    for role in roles:
        assert f"aws_iam_role.{role}.arn" in " ".join(listed)
    assert "module.canary.role_arn" in listed[0]


def run_check(**environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the script with further variables."""
    return subprocess.run([CHECK], env={**os.environ, **environment}, capture_output=True, text=True)


@pytest.fixture
def path_without_terraform(tmp_path: Path) -> str:
    """A PATH with what the script needs, but no terraform."""
    for tool in ("sh", "dirname", "mktemp", "rm", "mkdir", "cat", "tar"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    return str(tmp_path)


def test_without_terraform_the_check_says_so_and_ends_well(path_without_terraform: str) -> None:
    """Who has no terraform can work on the rest."""
    done = run_check(PATH=path_without_terraform)
    assert (done.returncode, done.stdout) == (0, "terraform-check: skipped: terraform is not installed\n")


def test_without_terraform_the_check_fails_where_it_is_demanded(path_without_terraform: str) -> None:
    """CI must not go green because terraform is missing."""
    done = run_check(PATH=path_without_terraform, MPESA_REQUIRE_TERRAFORM="1")
    assert done.returncode == 1
    assert "terraform is not installed" in done.stderr


@pytest.mark.timeout(600)
def test_the_whole_tree_passes_terraform() -> None:
    """Formatted, valid, its own tests green, and the tree as clean as before."""
    before = sorted(TERRAFORM.rglob("*"))
    done = run_check()
    if done.stdout.startswith("terraform-check: skipped"):
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^Success! \d+ passed, 0 failed", done.stdout, re.MULTILINE)) == len(EVERYTHING)
    assert sorted(TERRAFORM.rglob("*")) == before
