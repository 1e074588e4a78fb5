"""Signing in to a real OpenBao: each method, what is missing, and how seldom it happens."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mpesa_secrets_backends.stores.vault import login as vault_login, open_store
from mpesa_secrets_backends.stores.vault.login import Login
from mpesa_secrets_backends.stores.vault.server import Hidden

from mpesa_secrets.clocks import Clocks
from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import AccessDenied, ConfigurationError, MpesaSecretsError, StoreUnavailable
from tests.leaks import secrets_in_traceback
from tests.servers.aws import Aws
from tests.servers.faulty import FaultyProxy
from tests.servers.logins import JwtLogin, Kubernetes, KubernetesLogin
from tests.servers.openbao import OpenBao
from tests.servers.vault_aws import VaultAws

PAIR = {"consumer_key": "key-1", "consumer_secret": "hush-1"}
TIME = 10.0


@pytest.fixture
def url(openbao: OpenBao, kv2_mount: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A secret; the server is known, a login is not."""
    openbao.put_v2(kv2_mount, "mpesa", PAIR)
    monkeypatch.setenv("VAULT_ADDR", openbao.address)
    return f"vault://{kv2_mount}/mpesa"


@pytest.fixture
def policy(openbao: OpenBao, kv2_mount: str) -> str:
    """A policy that allows reading the secret."""
    return openbao.policy(f"read-{kv2_mount}", f'path "{kv2_mount}/data/*" {{ capabilities = ["read"] }}')


@pytest.fixture
def proxy(
    openbao: OpenBao,
    url: str,  # noqa: ARG001  sets the address, which is replaced here
    faulty_proxy: Callable[[str], FaultyProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> FaultyProxy:
    """Stands before OpenBao and counts."""
    proxy = faulty_proxy(openbao.address)
    monkeypatch.setenv("VAULT_ADDR", proxy.url)
    return proxy


@pytest.fixture
def sign_in(openbao: OpenBao, policy: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, str]]:
    """Makes an AppRole and puts it into the environment; takes the role's settings."""

    def sign_in(**settings: Any) -> tuple[str, str]:
        role_id, secret_id = openbao.approle([policy], **settings)
        monkeypatch.setenv("VAULT_ROLE_ID", role_id)
        monkeypatch.setenv("VAULT_SECRET_ID", secret_id)
        return role_id, secret_id

    return sign_in


def logins(proxy: FaultyProxy) -> int:
    """How many logins went through the proxy."""
    return sum(request.path.endswith("/login") for request in proxy.requests)


def tokens(proxy: FaultyProxy) -> list[str]:
    """The tokens that went through the proxy, each once, in their order."""
    return list(
        dict.fromkeys(
            request.headers["X-Vault-Token"] for request in proxy.requests if "X-Vault-Token" in request.headers
        )
    )


def test_the_token_of_the_environment_signs_in(
    openbao: OpenBao, url: str, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VAULT_TOKEN, as for the vault command."""
    monkeypatch.setenv("VAULT_TOKEN", f"{openbao.token([policy])}\n")
    assert open_store(url).read(TIME) == Secret(PAIR, "1")


def test_the_token_file_at_home_signs_in(openbao: OpenBao, url: str, policy: str) -> None:
    """What `vault login` left."""
    Path.home().joinpath(".vault-token").write_text(openbao.token([policy]))
    assert open_store(f"{url}?auth=token").read(TIME) == Secret(PAIR, "1")


def test_approle_signs_in(url: str, sign_in: Callable[..., tuple[str, str]]) -> None:
    """With VAULT_ROLE_ID and VAULT_SECRET_ID."""
    sign_in()
    assert open_store(f"{url}?auth=approle").read(TIME) == Secret(PAIR, "1")


def test_approle_signs_in_out_of_files_at_another_mount(
    openbao: OpenBao, url: str, policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both variables also as ..._FILE; ?auth_mount= names the mount."""
    for name, value in zip(
        ("VAULT_ROLE_ID", "VAULT_SECRET_ID"), openbao.approle([policy], mount="other/roles"), strict=True
    ):
        (tmp_path / name).write_text(f"{value}\n")
        monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    assert open_store(f"{url}?auth=approle&auth_mount=other/roles").read(TIME) == Secret(PAIR, "1")


def test_a_jwt_signs_in(
    openbao: OpenBao, url: str, policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Out of VAULT_JWT_FILE."""
    login = JwtLogin(openbao, [policy])
    (tmp_path / "jwt").write_text(login.sign())
    monkeypatch.setenv("VAULT_JWT_FILE", str(tmp_path / "jwt"))
    assert open_store(f"{url}?auth=jwt&role={login.role}").read(TIME) == Secret(PAIR, "1")


def test_a_pod_signs_in(
    openbao: OpenBao, kubernetes: Kubernetes, url: str, policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the token that Kubernetes puts into the pod, without being told where."""
    login = KubernetesLogin(openbao, kubernetes, [policy])
    monkeypatch.setattr(vault_login, "POD_TOKEN", str(login.write_token(tmp_path / "token")))
    assert open_store(f"{url}?auth=kubernetes&role={login.role}").read(TIME) == Secret(PAIR, "1")


def test_an_aws_identity_signs_in(
    openbao: OpenBao, aws: Aws, url: str, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a request to STS that is signed by the AWS credentials at hand."""
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    with VaultAws(openbao, [policy]) as server:
        monkeypatch.setenv("VAULT_ADDR", server.url)
        assert open_store(f"{url}?auth=aws&role=app").read(TIME) == Secret(PAIR, "1")


def test_without_aws_credentials_nothing_is_signed(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is a matter of configuration, not of Vault's."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="no AWS credentials"):
        open_store(f"{url}?auth=aws&role=app").read(TIME)


def test_without_botocore_both_extras_are_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The login needs a package that is not in the extra of this store."""
    monkeypatch.setitem(sys.modules, "botocore.auth", None)
    with pytest.raises(ConfigurationError) as refusal:
        open_store(f"{url}?auth=aws&role=app").read(TIME)
    assert refusal.value.hint == "pip install 'mpesa-secrets[vault,aws]'"


def test_an_agent_is_sent_no_token(proxy: FaultyProxy, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It puts in its own, whatever the environment holds; it wants X-Vault-Request."""
    monkeypatch.setenv("VAULT_TOKEN", "never-sent")
    with pytest.raises(AccessDenied):
        open_store(f"{url}?auth=none").read(TIME)
    assert tokens(proxy) == []
    assert {request.headers["X-Vault-Request"] for request in proxy.requests} == {"true"}


def test_netrc_changes_nothing(proxy: FaultyProxy, openbao: OpenBao, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests would put a password of the user's own into the request."""
    Path.home().joinpath(".netrc").write_text("machine 127.0.0.1 login me password hush-2\n")
    monkeypatch.setenv("VAULT_TOKEN", openbao.root_token)
    assert open_store(url).read(TIME) == Secret(PAIR, "1")
    assert all("Authorization" not in request.headers for request in proxy.requests)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "no Vault token"),
        ("?auth=approle", "VAULT_ROLE_ID: not set"),
        ("?auth=kubernetes&role=app", "the pod's token"),
        ("?auth=jwt", "the pod's token"),
    ],
)
def test_a_login_that_is_not_there_is_configuration(url: str, query: str, says: str) -> None:
    """Nobody was refused: nothing was there to sign in with."""
    with pytest.raises(ConfigurationError, match=says):
        open_store(f"{url}{query}").read(TIME)


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_file_without_a_text_is_configuration(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    """Missing, empty or binary; the message names it."""
    if content is not None:
        (tmp_path / "jwt").write_bytes(content)
    monkeypatch.setenv("VAULT_JWT_FILE", str(tmp_path / "jwt"))
    with pytest.raises(ConfigurationError, match=f"VAULT_JWT_FILE {tmp_path}/jwt"):
        open_store(f"{url}?auth=jwt").read(TIME)


def test_a_role_in_the_environment_is_pointed_at_but_not_guessed(
    url: str, sign_in: Callable[..., tuple[str, str]]
) -> None:
    """Who has VAULT_ROLE_ID set and no token is told to add ?auth=approle."""
    sign_in()
    with pytest.raises(ConfigurationError) as refusal:
        open_store(url).read(TIME)
    assert "add ?auth=approle" in str(refusal.value.hint)


def test_a_token_that_is_none_is_not_sent(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break within it would make another header; its text is not shown."""
    monkeypatch.setenv("VAULT_TOKEN", "s.hush-2\r\nX-Evil: 1")
    with pytest.raises(ConfigurationError) as refusal:
        open_store(url).read(TIME)
    assert secrets_in_traceback(refusal.value, ["hush-2"]) == []


def test_a_refused_login_shows_nothing_of_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """AccessDenied with the mount; neither texts nor local variables hold the secret id."""
    monkeypatch.setenv("VAULT_ROLE_ID", "some-role")
    monkeypatch.setenv("VAULT_SECRET_ID", "hush-secret-id")
    with pytest.raises(AccessDenied, match="login by approle at auth/") as refusal:
        open_store(f"{url}?auth=approle").read(TIME)
    assert secrets_in_traceback(refusal.value, ["hush-secret-id"]) == []


def test_64_threads_sign_in_once(proxy: FaultyProxy, url: str, sign_in: Callable[..., tuple[str, str]]) -> None:
    """The others wait for the first one's login."""
    sign_in()
    store = open_store(f"{url}?auth=approle")
    with ThreadPoolExecutor(64) as threads:
        assert set(threads.map(lambda _: str(store.read(30.0).version), range(64))) == {"1"}
    assert logins(proxy) == 1


def test_a_login_is_kept(proxy: FaultyProxy, url: str, sign_in: Callable[..., tuple[str, str]]) -> None:
    """Each new token would be a lease in Vault until it ends."""
    sign_in()
    store = open_store(f"{url}?auth=approle")
    for _ in range(3):
        store.read(TIME)
    assert logins(proxy) == 1


def test_a_login_that_was_revoked_is_repeated_once(
    openbao: OpenBao, proxy: FaultyProxy, url: str, sign_in: Callable[..., tuple[str, str]]
) -> None:
    """By itself, within the read."""
    sign_in()
    store = open_store(f"{url}?auth=approle")
    store.read(TIME)
    openbao.revoke(tokens(proxy)[0])
    assert store.read(TIME) == Secret(PAIR, "1")
    assert (logins(proxy), len(tokens(proxy))) == (2, 2)


def test_a_revoked_login_of_many_threads_is_repeated_once(
    openbao: OpenBao, proxy: FaultyProxy, url: str, sign_in: Callable[..., tuple[str, str]]
) -> None:
    """Whoever is refused after another thread signed in again takes that login."""
    sign_in()
    store = open_store(f"{url}?auth=approle")
    store.read(TIME)
    openbao.revoke(tokens(proxy)[0])
    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(lambda _: str(store.read(30.0).version), range(16))) == {"1"}
    assert logins(proxy) == 2


def test_a_write_that_is_refused_for_its_login_is_repeated(
    openbao: OpenBao, kv2_mount: str, proxy: FaultyProxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 403 has changed nothing."""
    policy = openbao.policy(f"all-{kv2_mount}", f'path "{kv2_mount}/*" {{ capabilities = ["read", "update"] }}')
    role_id, secret_id = openbao.approle([policy])
    monkeypatch.setenv("VAULT_ROLE_ID", role_id)
    monkeypatch.setenv("VAULT_SECRET_ID", secret_id)
    store = open_store(f"{url}?auth=approle")
    store.read(TIME)
    openbao.revoke(tokens(proxy)[0])
    assert store.write(Secret({**PAIR, "consumer_secret": "hush-2"}, "1"), TIME) == "2"


def test_a_denial_costs_no_second_login(
    openbao: OpenBao, proxy: FaultyProxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login just made has not run out: it lacks the right."""
    role_id, secret_id = openbao.approle(["default"])
    monkeypatch.setenv("VAULT_ROLE_ID", role_id)
    monkeypatch.setenv("VAULT_SECRET_ID", secret_id)
    with pytest.raises(AccessDenied):
        open_store(f"{url}?auth=approle").read(TIME)
    assert logins(proxy) == 1


def test_a_denial_beside_what_is_allowed_costs_no_login(
    proxy: FaultyProxy, url: str, sign_in: Callable[..., tuple[str, str]], openbao: OpenBao, kv2_mount: str, policy: str
) -> None:
    """A login that Vault took a moment ago has not run out: rotators may not see the mount's settings."""
    openbao.policy(policy, f'path "{kv2_mount}/+/mpesa" {{ capabilities = ["read"] }}')
    sign_in()
    store = open_store(f"{url}?auth=approle")
    store.read(TIME)
    assert store.remarks(TIME) == []
    assert 403 in [request.status for request in proxy.requests]
    assert logins(proxy) == 1


def test_a_login_is_renewed_ahead_of_its_end(
    proxy: FaultyProxy, url: str, sign_in: Callable[..., tuple[str, str]]
) -> None:
    """Before Vault refuses it."""
    sign_in(token_ttl="2s")
    store = open_store(f"{url}?auth=approle")
    store.read(TIME)
    time.sleep(1.85)
    store.read(TIME)
    assert logins(proxy) == 2
    assert all(request.status != 403 for request in proxy.requests)


@pytest.mark.parametrize(("monotonic", "wall", "good"), [(89, 89, True), (91, 0, False), (0, 91, False)])
def test_a_login_ends_by_either_clock(monotonic: float, wall: float, good: bool) -> None:
    """In a machine restored from a snapshot the monotonic clock stood still; a wall clock can be set back."""
    times = {"monotonic": 0.0, "wall": 0.0}
    login = Login(Hidden("token"), lease=100, clocks=Clocks(lambda: times["monotonic"], lambda: times["wall"]))
    times.update(monotonic=monotonic, wall=wall)
    assert login.good() == good


def test_a_login_for_few_uses_is_repeated(
    openbao: OpenBao, kv2_mount: str, proxy: FaultyProxy, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """token_num_uses may be smaller than the requests of one call, so even a young login may have run out."""
    openbao.api("POST", f"{kv2_mount}/config", {"max_versions": 1})
    policy = openbao.policy(f"all-{kv2_mount}", f'path "{kv2_mount}/*" {{ capabilities = ["read"] }}')
    role_id, secret_id = openbao.approle([policy], token_num_uses=1)
    monkeypatch.setenv("VAULT_ROLE_ID", role_id)
    monkeypatch.setenv("VAULT_SECRET_ID", secret_id)
    assert open_store(f"{url}?auth=approle").remarks(TIME) != []
    assert logins(proxy) == 2


def test_a_token_that_was_replaced_is_read_again(openbao: OpenBao, url: str, policy: str, proxy: FaultyProxy) -> None:
    """A sidecar that renews ~/.vault-token is followed; the old token is tried once."""
    file = Path.home() / ".vault-token"
    first, second = openbao.token([policy]), openbao.token([policy])
    file.write_text(first)
    store = open_store(url)
    store.read(TIME)
    openbao.revoke(first)
    with pytest.raises(AccessDenied):
        store.read(TIME)
    file.write_text(second)
    assert store.read(TIME) == Secret(PAIR, "1")
    assert tokens(proxy) == [first, second]


def test_a_rotated_jwt_is_read_anew(
    openbao: OpenBao, url: str, policy: str, tmp_path: Path, proxy: FaultyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kubernetes replaces the pod's token every hour; files are read at each login."""
    login = JwtLogin(openbao, [policy])
    file = tmp_path / "jwt"
    monkeypatch.setenv("VAULT_JWT_FILE", str(file))
    store = open_store(f"{url}?auth=jwt&role={login.role}")
    for jwt in ("first", "second"):
        file.write_text(login.sign(jti=jwt))
        store.read(TIME)
        openbao.revoke(tokens(proxy)[-1])
    sent = [request.body for request in proxy.requests if request.path.endswith("/login")]
    assert len(set(sent)) == 2


def test_a_child_process_signs_in_for_itself(
    proxy: FaultyProxy, url: str, sign_in: Callable[..., tuple[str, str]]
) -> None:
    """Connections and locks of the parent are not its own."""
    sign_in()
    store = open_store(f"{url}?auth=approle")
    store.read(TIME)
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if store.read(TIME) == Secret(PAIR, "1") else 1)
        except BaseException:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert logins(proxy) == 2


def test_who_waits_for_a_login_leaves_in_time(
    proxy: FaultyProxy, url: str, sign_in: Callable[..., tuple[str, str]]
) -> None:
    """One thread's hanging login does not hold another beyond its own time."""
    sign_in()
    proxy.fail_when(lambda request: request.path.endswith("/login"), "hang")
    store = open_store(f"{url}?auth=approle")

    def attempt(seconds: float) -> MpesaSecretsError | None:
        try:
            store.read(seconds)
        except MpesaSecretsError as error:
            return error
        return None

    with ThreadPoolExecutor(4) as threads:
        errors = list(threads.map(attempt, (0.6, 0.3, 0.3, 0.3)))
    assert [type(error) for error in errors] == [StoreUnavailable] * 4
    assert logins(proxy) < 4
