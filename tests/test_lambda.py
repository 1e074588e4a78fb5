"""The example handler and the wrapper under the real runtime client, as Lambda runs them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mpesa_secrets.simulator import Simulator
from tests.leaks import shows
from tests.program import KEY, SECRET
from tests.servers.extension import ExtensionServer
from tests.servers.lambda_runtime import RUNTIME, LambdaRuntime
from tests.servers.processes import HOST, free_port

EXAMPLES = Path(__file__).parents[1] / "lambda"
WRAPPER = EXAMPLES / "mpesa-secrets-exec"
EVENT = {"Amount": 1, "PhoneNumber": "254708374149"}


@pytest.fixture
def daraja() -> Iterator[Simulator]:
    with Simulator(KEY, SECRET) as running:
        yield running


@pytest.fixture
def extension() -> Iterator[ExtensionServer]:
    """AWS's extension in the function's sandbox, with the pair as `mpesa/prod`."""
    with ExtensionServer() as server:
        server.token = "session-token-of-the-function"
        server.hold("mpesa/prod", {"consumer_key": KEY, "consumer_secret": SECRET, "passkey": "p"})
        yield server


@pytest.fixture
def function(tmp_path: Path) -> Iterator[LambdaRuntime]:
    with LambdaRuntime(tmp_path) as runtime:
        yield runtime


def settings(daraja: Simulator, extension: ExtensionServer) -> dict[str, str]:
    """The function's own variables."""
    return {
        "MPESA_SECRETS_URL": "aws://mpesa/prod",
        "MPESA_BASE_URL": daraja.base_url,
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": extension.port,
    }


def code(directory: Path, text: str) -> Path:
    """A function's code, as `function.handler`."""
    (directory / "function.py").write_text(text)
    return directory


def test_first_invocation_gets_its_token(
    function: LambdaRuntime, daraja: Simulator, extension: ExtensionServer
) -> None:
    """Over the extension, with one read and one token request; the next one reuses it."""
    function.start("handler.handler", settings(daraja, extension), directory=EXAMPLES)
    for _ in range(2):
        outcome = function.invoke(EVENT)
        assert outcome.kind == "response", function.log
        assert outcome.body["echo"] == "/mpesa/stkpush/v1/processrequest"
    assert (len(extension.requests), daraja.stats()["token_requests"]) == (1, 1)
    assert not shows(function.log, [SECRET])


def test_init_does_no_io(function: LambdaRuntime, daraja: Simulator, extension: ExtensionServer) -> None:
    """Until the first event comes: it could run hours before, and a snapshot of it is shared."""
    function.start("handler.handler", settings(daraja, extension), directory=EXAMPLES)
    function.wait_until_ready()
    assert (extension.requests, daraja.stats()["token_requests"]) == ([], 0)


def test_init_needs_neither_store_nor_daraja(function: LambdaRuntime) -> None:
    """An outage fails the invocations while it lasts, not the function."""
    nowhere = {"MPESA_BASE_URL": f"http://{HOST}:{free_port()}", "MPESA_SECRETS_URL": "env:///no/such/file"}
    function.start("handler.handler", nowhere, directory=EXAMPLES)
    outcome = function.invoke(EVENT)
    assert (outcome.kind, outcome.body["errorType"]) == ("error", "SecretNotFound")


def test_refused_token_is_replaced_within_the_invocation(
    function: LambdaRuntime, daraja: Simulator, extension: ExtensionServer
) -> None:
    """Somebody else's token request may have ended ours."""
    function.start("handler.handler", settings(daraja, extension), directory=EXAMPLES)
    assert function.invoke(EVENT).kind == "response"
    daraja.expire_tokens()
    assert function.invoke(EVENT).kind == "response"


def test_error_of_daraja_shows_no_secret(
    function: LambdaRuntime, daraja: Simulator, extension: ExtensionServer
) -> None:
    """Neither in what the caller gets nor in the log."""
    daraja.revoke(KEY)
    function.start("handler.handler", settings(daraja, extension), directory=EXAMPLES)
    outcome = function.invoke(EVENT)
    assert (outcome.kind, outcome.body["errorType"]) == ("error", "CredentialsRejected")
    assert not shows(str(outcome.body) + function.log, [SECRET])


def test_snapshot_is_taken_before_any_io(
    function: LambdaRuntime, daraja: Simulator, extension: ExtensionServer
) -> None:
    """SnapStart: init, snapshot, and only then events."""
    variables = settings(daraja, extension) | {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
    function.start("handler.handler", variables, directory=EXAMPLES)
    function.wait_until_ready()
    assert function.requests == ["restore/next"]
    assert (extension.requests, daraja.stats()["token_requests"]) == ([], 0)
    function.restore()
    assert function.invoke(EVENT).kind == "response"


STOOD_STILL = """
import time
from mpesa_secrets import Mpesa, Settings
from mpesa_secrets.clocks import Clocks

started = time.monotonic()
mpesa = Mpesa(Settings(), Clocks(monotonic=lambda: started))

mpesa.token()

def handler(event, context):
    return mpesa.token().value
"""


def test_restored_snapshot_never_serves_an_ended_token(
    function: LambdaRuntime, extension: ExtensionServer, tmp_path: Path
) -> None:
    """One that was fetched at init, against the advice, and whose end passed while the function was frozen.

    The process really stands still. Of a restored machine's monotonic clock it is known that it did not move, so
    the function's is one that never does.
    """
    with Simulator(KEY, SECRET, lifetime=2) as daraja:
        variables = settings(daraja, extension) | {"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"}
        function.start("function.handler", variables, directory=code(tmp_path, STOOD_STILL))
        function.wait_until_ready()
        assert daraja.stats()["token_requests"] == 1
        os.kill(function.pid, signal.SIGSTOP)
        time.sleep(2.1)
        os.kill(function.pid, signal.SIGCONT)
        function.restore()
        assert daraja.is_current(function.invoke({}).body)
        assert daraja.stats()["token_requests"] == 2


WRITES_NOTHING = """
import os, pathlib
from handler import handler as push

def handler(event, context):
    assert "HOME" not in os.environ
    for place in (".", "/tmp", "/var/tmp"):
        try:
            pathlib.Path(place, "written").write_text("")
        except OSError:
            continue
        raise RuntimeError(f"{place} can be written")
    return push(event, context)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="a mount namespace needs root")
def test_nothing_is_written_and_no_home_is_needed(
    function: LambdaRuntime, daraja: Simulator, extension: ExtensionServer, tmp_path: Path
) -> None:
    """On a file system that is read-only everywhere, even in /tmp."""
    freeze = (
        "mount --make-rprivate / && grep -v -e ' /proc' -e ' /sys' -e ' /dev' /proc/self/mounts | cut -d' ' -f2 |"
        ' while read -r at; do mount -o remount,bind,ro "$at"; done; exec "$@"'
    )
    inside = ("unshare", "--mount", "sh", "-c", freeze, "sh")
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here")
    variables = settings(daraja, extension) | {"PYTHONPATH": str(EXAMPLES)}
    function.start("function.handler", variables, directory=code(tmp_path, WRITES_NOTHING), runtime=(*inside, *RUNTIME))
    outcome = function.invoke(EVENT)
    assert outcome.kind == "response", (outcome, function.log)


SHOWS_ITS_ENVIRONMENT = """
import os

def handler(event, context):
    return dict(os.environ)
"""


def test_wrapper_starts_the_runtime_with_the_pair(
    function: LambdaRuntime, daraja: Simulator, extension: ExtensionServer, tmp_path: Path
) -> None:
    """For code that reads MPESA_CONSUMER_KEY and knows nothing of us; nothing else in its environment changes."""
    variables = settings(daraja, extension)
    runtime = (str(WRAPPER), *RUNTIME)
    function.start("function.handler", variables, directory=code(tmp_path, SHOWS_ITS_ENVIRONMENT), runtime=runtime)
    found = function.invoke({}).body
    expected = function.environment | variables | {"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET}
    assert {name: found[name] for name in found if name not in {"LC_CTYPE", "PWD", "OLDPWD", "_"}} == expected


def test_wrapper_starts_nothing_without_a_pair(
    function: LambdaRuntime, daraja: Simulator, extension: ExtensionServer, tmp_path: Path
) -> None:
    """Lambda sees exit code 125 and the reason in the log, not a function that runs without its secret."""
    extension.secrets.clear()
    runtime = (str(WRAPPER), *RUNTIME)
    directory = code(tmp_path, SHOWS_ITS_ENVIRONMENT)
    function.start("function.handler", settings(daraja, extension), directory=directory, runtime=runtime)
    assert function.wait() == 125
    assert function.requests == []
    assert function.log.startswith("mpesa-secrets: aws://mpesa/prod: ")


def test_code_in_the_functions_directory_does_not_come_between(
    function: LambdaRuntime, daraja: Simulator, extension: ExtensionServer, tmp_path: Path
) -> None:
    """A click.py of the application's own is not the one that the wrapper imports."""
    (tmp_path / "click.py").write_text("raise SystemExit(3)\n")
    runtime = (str(WRAPPER), *RUNTIME)
    directory = code(tmp_path, SHOWS_ITS_ENVIRONMENT)
    function.start("function.handler", settings(daraja, extension), directory=directory, runtime=runtime)
    assert function.invoke({}).kind == "response"
