"""Reading through the extension on localhost: when it is asked, what it may say, and what happens then."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mpesa_secrets_backends.stores.aws import open_store
from mpesa_secrets_backends.stores.aws.extension import Extension

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import (
    AccessDenied,
    ConfigurationError,
    MalformedSecret,
    MpesaSecretsError,
    SecretNotFound,
    StoreUnavailable,
)
from tests.leaks import secrets_in_traceback
from tests.servers.aws import Aws
from tests.servers.extension import TOKEN_HEADER, ExtensionServer
from tests.servers.loopback import Answer, LoopbackServer

PAIR = {"consumer_key": "key-1", "consumer_secret": "hush-1", "shortcode": 174379}
NAME = "mpesa/prod"
READ = """
import sys
from mpesa_secrets.stores import StoreDoor
print(StoreDoor("aws://mpesa/prod").credentials(5).consumer_key, sorted({"boto3", "botocore"} & set(sys.modules)))
"""


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExtensionServer]:
    """An extension beside a Lambda function, with the pair in it."""
    with ExtensionServer() as server:
        server.hold(NAME, PAIR)
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "payments")
        monkeypatch.setenv("AWS_SESSION_TOKEN", server.token)
        monkeypatch.setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", server.port)
        yield server


@pytest.fixture
def elsewhere(aws: Aws, aws_environment: dict[str, str]) -> dict[str, object]:  # noqa: ARG001  for its effect
    """What the API holds under the same name; by it, one sees who was asked."""
    fields = {**PAIR, "consumer_key": "key-of-the-api"}
    aws.client("secretsmanager").create_secret(Name=NAME, SecretString=json.dumps(fields))
    return fields


def key(url: str = f"aws://{NAME}", timeout: float = 5.0) -> object:
    """The consumer key that a new store reads."""
    return open_store(url).read(timeout).fields["consumer_key"]


def failed(url: str = f"aws://{NAME}?via=extension", timeout: float = 5.0) -> MpesaSecretsError:
    """The error of a read; the secret is in no text and no frame of it."""
    with pytest.raises(MpesaSecretsError) as caught:
        open_store(url).read(timeout)
    assert not secrets_in_traceback(caught.value, ["hush-1"])
    return caught.value


def test_a_lambda_function_reads_through_the_extension(extension: ExtensionServer) -> None:
    """The fields with their types, the version, and AWSCURRENT named in the question."""
    assert open_store(f"aws://{NAME}").read(5) == Secret(PAIR, "v1")
    (request,) = extension.requests
    assert request.path == "/secretsmanager/get?secretId=mpesa%2Fprod&versionStage=AWSCURRENT"
    assert request.headers[TOKEN_HEADER] == extension.token


@pytest.mark.usefixtures("extension")
def test_neither_boto3_nor_botocore_is_imported() -> None:
    """A whole process that reads the pair through the door of the core."""
    run = subprocess.run([sys.executable, "-c", READ], capture_output=True, text=True, check=False)
    assert run.stdout.split(maxsplit=1) == ["key-1", "[]\n"], run.stderr


@pytest.mark.parametrize("variable", ["", "AWS_LAMBDA_FUNCTION_NAME"])
def test_nobody_is_asked_outside_of_lambda(
    elsewhere: dict[str, object], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Somebody else's process on the default port stays in peace, unless the environment says that it is ours."""
    try:
        listener = socket.create_server(("127.0.0.1", 2773), backlog=5)
    except OSError:
        pytest.skip("port 2773 is taken")
    if variable:
        monkeypatch.setenv(variable, "payments")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    with listener:
        assert key(timeout=1.0) == elsewhere["consumer_key"]
        listener.setblocking(False)
        assert was_called(listener) == bool(variable)


def was_called(listener: socket.socket) -> bool:
    """Whether somebody connected."""
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


@pytest.mark.parametrize("parameter", ["via=api", "profile=other", "region=us-east-1"])
def test_what_the_extension_cannot_honour_goes_to_the_api(
    extension: ExtensionServer, aws: Aws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, parameter: str
) -> None:
    """It has its own login and its own region."""
    config = tmp_path / "config"
    config.write_text("[profile other]\nregion = us-east-1\n")
    for name, value in {**aws.environment, "AWS_CONFIG_FILE": str(config)}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises((SecretNotFound, ConfigurationError)):
        key(f"aws://{NAME}?{parameter}")
    assert extension.requests == []


@pytest.mark.parametrize("region", ["AWS_REGION", "AWS_DEFAULT_REGION", "NONE_AT_ALL"])
def test_an_arn_of_this_region_goes_through_the_extension(
    extension: ExtensionServer, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    """Where the region of the machine is not known, the ARN's is taken for it."""
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:mpesa/prod-AbCdEf"
    monkeypatch.setenv(region, "eu-west-1")
    extension.hold(arn, PAIR)
    assert key(f"aws://{arn}") == "key-1"


def test_a_second_read_goes_to_the_api(extension: ExtensionServer, elsewhere: dict[str, object]) -> None:
    """The extension may hold the refused pair for minutes."""
    store = open_store(f"aws://{NAME}?via=extension")
    assert store.reread(5).fields == elsewhere
    assert extension.requests == []


def test_a_starting_extension_is_waited_for(extension: ExtensionServer) -> None:
    """It says 400 until it is ready."""
    extension.starting = 3
    assert key() == "key-1"
    assert len(extension.requests) == 4


def test_one_that_never_gets_ready_is_given_up(extension: ExtensionServer, elsewhere: dict[str, object]) -> None:
    """While a function is being loaded, no waiting helps: the API answers."""
    extension.starting = 1000
    assert key(timeout=2.0) == elsewhere["consumer_key"]
    assert 2 < len(extension.requests) < 100


NONSENSE = [
    Answer(500, b'{"__type":"InternalFailure"}'),
    Answer(429, b"Connection limit exceeded"),
    Answer(200, b"hello"),
    Answer(200, b"{}"),
    Answer(200, b"17"),
    Answer(200, b""),
    Answer(302, b"", (("Location", "http://example.org/"),)),
]


@pytest.mark.parametrize("answer", NONSENSE)
def test_an_extension_that_fails_is_unavailable(extension: ExtensionServer, answer: Answer) -> None:
    """With `via=extension` nobody else is asked, and the caller may try again."""
    extension.failure = answer
    error = failed()
    assert isinstance(error, StoreUnavailable)
    assert error.retryable


@pytest.mark.parametrize("answer", [*NONSENSE, Answer(403, b"Bad Token")])
def test_auto_falls_back_to_the_api(extension: ExtensionServer, elsewhere: dict[str, object], answer: Answer) -> None:
    """Whatever the extension's trouble is, the API knows better."""
    extension.failure = answer
    assert key() == elsewhere["consumer_key"]
    assert extension.requests


def test_a_secret_that_is_not_there_is_not_found(extension: ExtensionServer) -> None:
    """The extension asked AWS: its word is final, also in `auto`."""
    extension.secrets.clear()
    assert isinstance(failed(), SecretNotFound)
    assert isinstance(failed(f"aws://{NAME}"), SecretNotFound)


def test_a_denied_secret_is_access_denied(extension: ExtensionServer) -> None:
    """AWS's refusal comes within an error of the extension's."""
    extension.failure = Answer(400, b"operation error: api error AccessDeniedException: not authorized")
    assert isinstance(failed(), AccessDenied)


@pytest.mark.parametrize("value", ["not json hush-1", '["hush-1"]', '"hush-1"', "", "{" * 90_000])
def test_a_value_that_is_no_object_is_malformed(extension: ExtensionServer, value: str) -> None:
    """The error shows nothing of the value."""
    extension.secrets[NAME] = value
    assert isinstance(failed(), MalformedSecret)


def test_a_binary_secret_is_read(extension: ExtensionServer) -> None:
    """It comes as base64."""
    binary = base64.b64encode(json.dumps(PAIR).encode()).decode()
    extension.failure = Answer(200, json.dumps({"VersionId": "v2", "SecretBinary": binary}).encode())
    assert open_store(f"aws://{NAME}").read(5) == Secret(PAIR, "v2")


def test_an_endless_answer_is_cut_off(extension: ExtensionServer) -> None:
    """A secret has at most 64 KiB, so nobody reads gigabytes."""
    endless = {"VersionId": "v1", "SecretString": json.dumps(PAIR), "more": "x" * 3_000_000}
    extension.failure = Answer(200, json.dumps(endless).encode())
    assert isinstance(failed(), StoreUnavailable)


def test_the_time_bounds_an_answer_that_drips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, the whole does not."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    monkeypatch.setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", str(listener.getsockname()[1]))
    monkeypatch.setenv("AWS_TOKEN", "t")
    threading.Thread(target=drip, args=(listener, over), daemon=True).start()
    start = time.monotonic()
    assert isinstance(failed(timeout=0.5), StoreUnavailable)
    assert time.monotonic() - start < 2.0
    over.set()
    listener.close()


def drip(listener: socket.socket, over: threading.Event) -> None:
    """Sends a byte every 20 ms for 20 seconds."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not over.wait(0.02):
            try:
                connection.sendall(b" ")
            except OSError:
                return


def test_nobody_listening_is_unavailable(extension: ExtensionServer) -> None:
    """A layer that was forgotten."""
    extension.close()
    assert "ConnectionRefusedError" in str(failed())


@pytest.mark.parametrize("port", ["", "http", "0", "65536", "²"])
def test_a_port_that_is_none_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    """Empty counts as unset: the default."""
    monkeypatch.setenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", port)
    if port == "":
        assert isinstance(Extension("x"), Extension)
        return
    with pytest.raises(ConfigurationError):
        open_store("aws://x")


def test_the_agents_token_comes_from_its_variable(extension: ExtensionServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes before the session's."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another")
    monkeypatch.setenv("AWS_TOKEN", extension.token)
    assert key() == "key-1"


def test_the_agents_token_comes_from_a_file(
    extension: ExtensionServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As its installation writes it, with a line's end."""
    file = tmp_path / "token"
    file.write_text(extension.token + "\n")
    monkeypatch.setenv("AWS_TOKEN", f"file://{file}")
    assert key() == "key-1"


def test_the_agents_own_file_is_the_default(
    extension: ExtensionServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a machine that is no Lambda function, before somebody's session."""
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "another")
    file = tmp_path / "token"
    file.write_text(extension.token)
    assert Extension(NAME, str(file)).read(5).fields == PAIR


def test_a_function_with_snapstart_has_another_token(
    extension: ExtensionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There AWS sets no session token."""
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", extension.token)
    assert key() == "key-1"


def test_a_missing_token_file_is_a_wrong_setting(
    extension: ExtensionServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The message names the file."""
    monkeypatch.setenv("AWS_TOKEN", f"file://{tmp_path}/absent")
    error = failed()
    assert isinstance(error, ConfigurationError)
    assert f"{tmp_path}/absent" in str(error)
    assert extension.requests == []


def test_proxies_of_the_environment_are_passed_over(
    extension: ExtensionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token is for localhost, and the agent refuses what was forwarded."""
    with LoopbackServer(lambda _: Answer(500)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        assert key() == "key-1"
    assert TOKEN_HEADER in extension.requests[0].headers


@pytest.fixture
def in_threads() -> Callable[[Callable[[], object]], list[object]]:
    """Calls something in four threads at once and returns what came of it."""

    def run(call: Callable[[], object]) -> list[object]:
        results: list[object] = []
        threads = [threading.Thread(target=lambda: results.append(call())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return results

    return run


def test_one_store_serves_many_threads(
    extension: ExtensionServer, in_threads: Callable[[Callable[[], object]], list[object]]
) -> None:
    """Each read has its own connection."""
    store = open_store(f"aws://{NAME}")
    assert in_threads(lambda: store.read(5)) == [Secret(PAIR, "v1")] * 4
    assert len(extension.requests) == 4
    assert extension.token not in repr(store)
