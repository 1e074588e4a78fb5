"""AWS out of reach, busy, refusing, and logins that are not there: one error each, in time."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mpesa_secrets_backends.stores.aws import open_store

from mpesa_secrets.errors import AccessDenied, ConfigurationError, MpesaSecretsError, StoreError, StoreUnavailable
from tests.leaks import secrets_in_traceback
from tests.servers.aws import Aws
from tests.servers.faulty import FaultyProxy
from tests.servers.loopback import Answer, LoopbackServer

URL = "aws://mpesa/prod"
PAIR = {"consumer_key": "key-1", "consumer_secret": "hush-1"}

pytestmark = pytest.mark.usefixtures("aws_environment")


@pytest.fixture
def proxy(aws: Aws, faulty_proxy: Callable[[str], FaultyProxy], monkeypatch: pytest.MonkeyPatch) -> FaultyProxy:
    """Stands between the store and an AWS that has the pair."""
    aws.client("secretsmanager").create_secret(Name="mpesa/prod", SecretString=json.dumps(PAIR))
    made = faulty_proxy(aws.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
    return made


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Puts a text into the AWS configuration file, and takes the login out of the environment."""

    def configure(text: str) -> None:
        file = tmp_path / "config"
        file.write_text(text)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)

    return configure


def failed(url: str = URL, timeout: float = 5.0) -> MpesaSecretsError:
    """The error of a read; nothing secret is in it."""
    with pytest.raises(MpesaSecretsError) as caught:
        open_store(url).read(timeout)
    assert not secrets_in_traceback(caught.value, ["hush-1"])
    return caught.value


@pytest.mark.parametrize("fault", ["drop-before", "500", "503", "corrupt"])
def test_what_passes_is_tried_again(proxy: FaultyProxy, fault: str) -> None:
    """Twice more, and the caller hears nothing of it."""
    proxy.fail_when(lambda _: True, fault, times=2)
    assert open_store(URL).read(5).fields == PAIR


@pytest.mark.parametrize("fault", ["drop-before", "503", "corrupt", "hang"])
def test_what_stays_is_unavailable(proxy: FaultyProxy, fault: str) -> None:
    """The caller may try again later."""
    proxy.fail_all(fault)
    error = failed(timeout=1.0)
    assert isinstance(error, StoreUnavailable)
    assert error.retryable


def test_nobody_listening_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the hint says where to look."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    error = failed(timeout=1.0)
    assert isinstance(error, StoreUnavailable)
    assert "endpoint" in str(error.hint)


def test_a_hanging_aws_is_given_up_in_time(proxy: FaultyProxy) -> None:
    """Whatever was asked before with more time."""
    store = open_store(URL)
    store.read(20)
    proxy.fail_all("hang")
    start = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.read(1.0)
    assert time.monotonic() - start < 6.0
    with pytest.raises(StoreUnavailable):
        store.read(0.0)


REFUSALS = [
    (400, "ThrottlingException", "Rate exceeded", StoreUnavailable, ""),
    (400, "AccessDeniedException", "Access to KMS is not allowed", AccessDenied, "kms:Decrypt"),
    (400, "AccessDeniedException", "User is not authorized", AccessDenied, "GetSecretValue"),
    (400, "DecryptionFailure", "hush-1", AccessDenied, "kms:Decrypt"),
    (400, "UnrecognizedClientException", "The security token is invalid", AccessDenied, "login"),
    (400, "ExpiredTokenException", "expired", AccessDenied, "renew"),
    (403, "odd words hush-1", "hush-1", AccessDenied, "login"),
    (400, "ValidationException", "Value 'hush-1' at 'secretId'", StoreError, ""),
]


@pytest.mark.parametrize(("status", "code", "words", "kind", "hint"), REFUSALS)
def test_each_refusal_has_its_verdict(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, words: str, kind: type[StoreError], hint: str
) -> None:
    """AWS's own words are not shown: they may repeat what was sent."""
    answer = Answer(status, json.dumps({"__type": code, "message": words}).encode())
    with LoopbackServer(lambda _: answer) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        error = failed(timeout=1.0)
    assert isinstance(error, kind)
    assert hint in str(error.hint)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("", "no AWS credentials"),
        ("[profile other]\n", "no AWS credentials"),
        ("[default]\naws_access_key_id=AKIA\n", "half"),
        ("[default]\nsso_session=s\nsso_account_id=1\nsso_role_name=r\n[sso-session s]\nsso_region=eu-west-1\n"
         "sso_start_url=https://example.org\n", "SSO"),
        ("[default]\nrole_arn=arn:aws:iam::1:role/r\nsource_profile=nobody\n", "botocore"),
        ("no configuration at all", "botocore"),
    ],
)  # fmt: skip
def test_a_login_that_is_not_there_is_a_wrong_setting(
    configured: Callable[[str], None], config: str, told: str
) -> None:
    """Exit code 3, and what to do."""
    configured(config)
    error = failed()
    assert isinstance(error, ConfigurationError)
    assert told in str(error)
    assert error.hint


def test_an_unknown_profile_is_named(configured: Callable[[str], None]) -> None:
    """In the URL or in AWS_PROFILE."""
    configured("")
    error = failed(f"{URL}?profile=nobody")
    assert isinstance(error, ConfigurationError)
    assert "nobody" in str(error)


def test_no_region_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is guessed."""
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    error = failed()
    assert isinstance(error, ConfigurationError)
    assert "region" in str(error)


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_REGION", "AWS_METADATA_SERVICE_TIMEOUT"])
def test_a_setting_that_botocore_refuses_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """Not a fault of ours."""
    monkeypatch.setenv(variable, "not valid!")
    assert isinstance(failed(), ConfigurationError)


def test_a_login_that_comes_later_is_found(
    proxy: FaultyProxy,  # noqa: ARG001  has the pair
    configured: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A store that failed once is not lost."""
    configured("")
    store = open_store(URL)
    with pytest.raises(ConfigurationError):
        store.read(5)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert store.read(5).fields == PAIR


@pytest.mark.parametrize("attempts", ["1", "5"])
def test_a_silent_metadata_service_is_given_up_in_time(
    configured: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, attempts: str
) -> None:
    """A machine without a login may swallow the question; that must not use up the time."""
    configured("")
    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
        monkeypatch.setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", attempts)
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        assert isinstance(failed(timeout=1.0), ConfigurationError)
        assert time.monotonic() - start < 6.0


def test_a_role_is_assumed_with_bounded_patience(
    proxy: FaultyProxy, configured: Callable[[str], None], aws: Aws
) -> None:
    """The whole chain counts; the service behind a role may hang like any other."""
    configured(
        "[default]\nrole_arn=arn:aws:iam::123456789012:role/reader\nsource_profile=user\n"
        "[profile user]\naws_access_key_id=AKIA\naws_secret_access_key=s\n"
    )
    assert open_store(URL).read(5).fields == PAIR
    assert aws.endpoint != proxy.url
    assert any(b"AssumeRole" in request.body for request in proxy.requests)
    proxy.fail_all("hang")
    start = time.monotonic()
    assert isinstance(failed(timeout=1.0), StoreUnavailable)
    assert time.monotonic() - start < 8.0


def test_many_threads_share_one_client(proxy: FaultyProxy) -> None:
    """They log in once and read each for itself."""
    store = open_store(URL)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(store.read(5).fields)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [PAIR] * 8
    assert len(proxy.requests) == 8


def test_without_botocore_the_hint_installs_it() -> None:
    """Through the door, as an application without the extra meets it."""
    code = (
        "import sys; sys.modules['botocore'] = None\n"
        "from mpesa_secrets.stores import StoreDoor\n"
        "try: StoreDoor('aws://x').read(5)\n"
        "except Exception as error: print(type(error).__name__, error.hint)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout == "ConfigurationError pip install 'mpesa-secrets[aws]'\n", run.stderr
