"""What docs/lambda.md and docs/ecs.md tell people to paste, run as it stands there.

AWS is moto's; `aws` is a small stand-in for its command line, `make layer` is run for real, `docker` (which cannot run
here) looks at its arguments only.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mpesa_secrets.simulator import Simulator
from tests.program import KEY, SECRET
from tests.servers.aws import Aws
from tests.servers.lambda_runtime import LambdaRuntime

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ACCOUNT = "123456789012"


def snippets(page: str, language: str) -> list[str]:
    """The blocks of a page in one language."""
    return [text for name, text in BLOCK.findall((ROOT / "docs" / page).read_text()) if name == language]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A directory as the project's own, with the stand-ins in `bin`."""
    for name in ("lambda", "examples", "scripts", "mpesa_secrets", "backends"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "first.json").write_text(f'{{"consumer_key": "{KEY}", "consumer_secret": "{SECRET}"}}')
    (tmp_path / "bin").mkdir()
    stand_in(tmp_path, "aws", f'exec env PYTHONPATH={ROOT} {sys.executable} -m tests.aws_cli "$@"')
    stand_in(tmp_path, "make", f'test "$1" = layer && exec {sys.executable} scripts/layer.py')
    stand_in(tmp_path, "docker", 'case $1 in build) test -f "$4/Dockerfile";; push) ;; *) exit 1;; esac')
    return tmp_path


def stand_in(desk: Path, name: str, line: str) -> None:
    """Puts a program on the desk's PATH."""
    program = desk / "bin" / name
    program.write_text(f"#!/bin/sh\n{line}\n")
    program.chmod(0o755)


def paste(desk: Path, lines: list[str]) -> None:
    """Runs all of a page's lines in one shell, which ends at the first that fails."""
    path = f"{desk}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-u", "-c", "".join(lines)], cwd=desk, env={**os.environ, "PATH": path}, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def make_role(aws: Aws) -> None:
    """The role that the pages take for given."""
    aws.client("iam").create_role(RoleName="mpesa-app", AssumeRolePolicyDocument='{"Version": "2012-10-17"}')


@pytest.mark.usefixtures("aws_environment")
def test_lambda_page_can_be_pasted(aws: Aws, desk: Path) -> None:
    """From the first secret to the alarm; what comes of it is as the page says."""
    make_role(aws)
    paste(desk, snippets("lambda.md", "sh"))
    functions = aws.client("lambda")
    app: dict[str, Any] = functions.get_function_configuration(FunctionName="mpesa-app")
    assert (app["Handler"], len(app["Layers"])) == ("handler.handler", 1)
    assert app["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/mpesa-secrets-exec"
    canary = functions.get_function_configuration(FunctionName="mpesa-canary")
    assert canary["Handler"] == "mpesa_secrets.canary.handler"
    (target,) = aws.client("events").list_targets_by_rule(Rule="mpesa-canary")["Targets"]
    assert target["Arn"] == canary["FunctionArn"]
    (alarm,) = aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("MpesaSecrets", "TokenFetched")


def test_handler_on_the_page_is_the_example() -> None:
    """Word for word, but for the module's own docstring."""
    (text,) = snippets("lambda.md", "python")
    assert (ROOT / "lambda" / "handler.py").read_text().partition("\n\n")[2] == text


@pytest.mark.usefixtures("aws_environment")
def test_handler_on_the_page_works_on_the_secret_of_the_page(
    aws: Aws, aws_environment: dict[str, str], desk: Path
) -> None:
    """Through the API and boto3, where no extension is."""
    make_role(aws)
    paste(desk, [line for line in snippets("lambda.md", "sh")[0].splitlines(keepends=True) if "first.json" in line])
    (desk / "page.py").write_text(snippets("lambda.md", "python")[0])
    with Simulator(KEY, SECRET) as daraja, LambdaRuntime(desk) as function:
        variables = {**aws_environment, "MPESA_SECRETS_URL": "aws://mpesa/prod", "MPESA_BASE_URL": daraja.base_url}
        function.start("page.handler", variables, directory=desk)
        outcome = function.invoke({"Amount": 1})
        assert outcome.kind == "response", function.log


@pytest.mark.usefixtures("aws_environment")
def test_ecs_page_can_be_pasted(aws: Aws, desk: Path) -> None:
    """From the image to the task definition."""
    paste(desk, snippets("ecs.md", "sh"))
    task = aws.client("ecs").describe_task_definition(taskDefinition="mpesa-app")["taskDefinition"]
    assert task["taskRoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/mpesa-app"
    (variables,) = [container["environment"] for container in task["containerDefinitions"]]
    settings = {entry["name"]: entry["value"] for entry in variables}
    script = '"$0" -m mpesa_secrets exec -- "$0" -c "$1"'
    done = subprocess.run(
        ["sh", "-c", script, sys.executable, snippets("ecs.md", "python")[0]], env={**os.environ, **settings},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_dockerfile_on_the_page_is_the_example() -> None:
    """Word for word."""
    assert snippets("ecs.md", "dockerfile") == [(ROOT / "examples" / "ecs" / "Dockerfile").read_text()]
