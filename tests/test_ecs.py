"""The ECS example as a container runs it: the image's command as PID 1, with the task definition's variables."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.program import KEY, SECRET
from tests.servers.aws import Aws

EXAMPLE = Path(__file__).parents[1] / "examples" / "ecs"
TASK: dict[str, Any] = json.loads((EXAMPLE / "task-definition.json").read_text())
(CONTAINER,) = TASK["containerDefinitions"]


def instruction(name: str) -> list[str]:
    """The words of ENTRYPOINT or CMD in the Dockerfile."""
    found = re.search(rf"^{name} (\[.*\])$", (EXAMPLE / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None
    words: list[str] = json.loads(found[1])
    return [word.replace("/app/", f"{EXAMPLE}/") for word in words]


@pytest.fixture
def environment(aws: Aws, aws_environment: dict[str, str]) -> dict[str, str]:
    """The container's, whose secret is in AWS."""
    pair = json.dumps({"consumer_key": KEY, "consumer_secret": SECRET})
    aws.client("secretsmanager").create_secret(Name="mpesa/prod", SecretString=pair)
    settings = {entry["name"]: entry["value"] for entry in CONTAINER["environment"]}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": "/nonexistent", **aws_environment, **settings}


def test_aws_takes_the_task_definition(aws: Aws) -> None:
    """Every name and type in it."""
    answer = aws.client("ecs").register_task_definition(**TASK)
    assert answer["taskDefinition"]["family"] == "mpesa-app"


@pytest.mark.skipif(os.geteuid() != 0, reason="a PID namespace needs root")
def test_container_runs_the_program_as_its_first_process(environment: dict[str, str]) -> None:
    """And stopping the task stops the program, which ends in its own way."""
    words = [*instruction("ENTRYPOINT"), *instruction("CMD")]
    container = subprocess.Popen(
        ["unshare", "--fork", "--pid", "--kill-child", *words], env=environment, cwd=EXAMPLE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert container.stdout is not None
    line = container.stdout.readline()
    if not line and "not permitted" in container.communicate()[1]:
        pytest.skip("no PID namespaces here")
    assert line == f"process 1 has a key of {len(KEY)} characters\n"
    (first,) = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
    os.kill(int(first), signal.SIGTERM)
    assert (container.communicate(timeout=20)[1], container.returncode) == ("", 0)


def test_container_does_not_start_without_its_pair(aws: Aws, environment: dict[str, str]) -> None:
    """Exit code 125 is what ECS shows as the reason."""
    aws.client("secretsmanager").delete_secret(SecretId="mpesa/prod", ForceDeleteWithoutRecovery=True)
    words = [*instruction("ENTRYPOINT"), "touch", "/tmp/never"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr.startswith("mpesa-secrets: aws://mpesa/prod: ")


def test_health_check_tells_a_good_task_from_a_bad_one(aws: Aws, environment: dict[str, str]) -> None:
    """By its exit code, which is all that ECS looks at."""
    kind, *words = CONTAINER["healthCheck"]["command"]
    assert kind == "CMD"
    assert subprocess.run(words, env=environment, capture_output=True, check=False).returncode == 0
    aws.client("secretsmanager").delete_secret(SecretId="mpesa/prod", ForceDeleteWithoutRecovery=True)
    assert subprocess.run(words, env=environment, capture_output=True, check=False).returncode == 4
