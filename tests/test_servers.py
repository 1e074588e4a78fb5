"""The servers that the other tests stand on."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers.aws import Aws
from tests.servers.logins import JwtLogin, Kubernetes, KubernetesLogin
from tests.servers.openbao import OpenBao, OpenBaoError
from tests.servers.processes import HOST, ServerProcess, plain_environment
from tests.servers.valkey import Valkey


def test_aws_keeps_a_secret(aws: Aws) -> None:
    """moto answers over HTTP."""
    client = aws.client("secretsmanager")
    client.create_secret(Name="mpesa/prod", SecretString="{}")
    assert client.get_secret_value(SecretId="mpesa/prod", VersionStage="AWSCURRENT")["SecretString"] == "{}"


def test_aws_is_empty_for_each_test(aws: Aws) -> None:
    """What another test stored is gone."""
    assert aws.client("secretsmanager").list_secrets()["SecretList"] == []


def test_valkey_goes_down_and_comes_back_on_its_port(valkey: Valkey) -> None:
    """A URL given to a client stays right."""
    valkey.command("SET", "a", "1")
    valkey.stop()
    valkey.start()
    assert valkey.command("GET", "a") == b"$-1\r\n"


def test_openbao_keeps_versions(openbao: OpenBao, kv2_mount: str) -> None:
    """KV version 2 counts, and check-and-set refuses an old version with 400."""
    assert openbao.put_v2(kv2_mount, "mpesa/prod", {"n": 1}) == 1
    assert openbao.put_v2(kv2_mount, "mpesa/prod", {"n": 2}, cas=1) == 2
    with pytest.raises(OpenBaoError, match="400"):
        openbao.put_v2(kv2_mount, "mpesa/prod", {"n": 3}, cas=1)
    assert openbao.get_v2(kv2_mount, "mpesa/prod", version=1) == {"n": 1}
    assert openbao.metadata_v2(kv2_mount, "mpesa/prod")["current_version"] == 2


def test_openbao_has_kv_version_1(openbao: OpenBao, kv1_mount: str) -> None:
    """KV version 1 holds the fields as they are."""
    openbao.put_v1(kv1_mount, "mpesa", {"n": 2**60})
    assert openbao.get_v1(kv1_mount, "mpesa") == {"n": 2**60}


def test_openbao_denies_what_no_policy_allows(openbao: OpenBao, kv2_mount: str) -> None:
    """A token sees what its policy says and is refused after its revocation."""
    openbao.put_v2(kv2_mount, "a", {"n": 1})
    policy = openbao.policy(kv2_mount, f'path "{kv2_mount}/data/a" {{ capabilities = ["read"] }}')
    token = openbao.token([policy])
    assert openbao.api("GET", f"{kv2_mount}/data/a", token=token)
    with pytest.raises(OpenBaoError, match="403"):
        openbao.api("GET", f"{kv2_mount}/data/b", token=token)
    openbao.revoke(token)
    with pytest.raises(OpenBaoError, match="403"):
        openbao.api("GET", f"{kv2_mount}/data/a", token=token)


def test_openbao_lets_an_approle_in(openbao: OpenBao) -> None:
    """The role id and the secret id make a token."""
    role_id, secret_id = openbao.approle(["default"], token_ttl="5m")
    answer = openbao.api("POST", "auth/approle/login", {"role_id": role_id, "secret_id": secret_id})
    assert answer is not None
    assert answer["auth"]["lease_duration"] == 300


def test_openbao_lets_a_jwt_in(openbao: OpenBao) -> None:
    """A JWT that the right key signed makes a token, an old one does not."""
    login = JwtLogin(openbao, ["default"])
    assert openbao.api("POST", "auth/jwt/login", {"role": login.role, "jwt": login.sign()})
    with pytest.raises(OpenBaoError, match="400"):
        openbao.api("POST", "auth/jwt/login", {"role": login.role, "jwt": login.sign(exp=1)})


def test_openbao_lets_a_pod_in(openbao: OpenBao, kubernetes: Kubernetes, tmp_path: Path) -> None:
    """OpenBao asks the cluster about the token in the pod's file, and refuses other service accounts."""
    login = KubernetesLogin(openbao, kubernetes, ["default"])
    token = login.write_token(tmp_path / "token").read_text()
    assert openbao.api("POST", "auth/kubernetes/login", {"role": login.role, "jwt": token})
    assert kubernetes.reviews
    other = kubernetes.token("shop", "other")
    with pytest.raises(OpenBaoError, match="403"):
        openbao.api("POST", "auth/kubernetes/login", {"role": login.role, "jwt": other})


def test_openbao_has_namespaces(openbao: OpenBao) -> None:
    """A secret in a namespace is not seen outside."""
    openbao.within("team")
    team = openbao.within("team")
    team.enable_kv("apart", 2)
    team.put_v2("apart", "a", {"n": 1})
    assert team.get_v2("apart", "a") == {"n": 1}
    with pytest.raises(OpenBaoError, match="404"):
        openbao.get_v2("apart", "a")


def test_openbao_can_be_sealed_for_a_while(openbao: OpenBao, kv2_mount: str) -> None:
    """A sealed server answers 503 and keeps its secrets."""
    openbao.put_v2(kv2_mount, "a", {"n": 1})
    with openbao.sealed(), pytest.raises(OpenBaoError, match="503"):
        openbao.get_v2(kv2_mount, "a")
    assert openbao.get_v2(kv2_mount, "a") == {"n": 1}


def test_openbao_comes_back_empty_after_a_crash(own_openbao: OpenBao) -> None:
    """The address and the root token stay."""
    own_openbao.put_v2("secret", "a", {"n": 1})
    own_openbao.process.kill()
    with pytest.raises(ConnectionRefusedError):
        own_openbao.get_v2("secret", "a")
    own_openbao.start()
    with pytest.raises(OpenBaoError, match="404"):
        own_openbao.get_v2("secret", "a")


def test_openbao_speaks_tls(openbao_tls: OpenBao) -> None:
    """Its certificate is good under its own CA, and under no other."""
    assert openbao_tls.api("GET", "sys/health")
    with (
        pytest.raises(ssl.SSLCertVerificationError),
        socket.create_connection((HOST, openbao_tls.port)) as raw,
    ):
        ssl.create_default_context().wrap_socket(raw, server_hostname=HOST)


def test_a_server_that_does_not_start_shows_its_log(tmp_path: Path) -> None:
    """The test run fails at once and says why."""
    command = [sys.executable, "-c", "raise SystemExit('no such option')"]
    server = ServerProcess(command, plain_environment(tmp_path), tmp_path / "log", lambda: False)
    with pytest.raises(RuntimeError, match="no such option"):
        server.start()


def test_a_server_dies_with_a_killed_test_run(tmp_path: Path) -> None:
    """Even `kill -9` leaves no server behind."""
    program = (
        "import os, pathlib, sys; from tests.servers.valkey import Valkey\n"
        "server = Valkey(pathlib.Path(sys.argv[1])); server.start()\n"
        "print(server.port, flush=True); os.kill(os.getpid(), 9)"
    )
    root = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    port = int(run.stdout)
    deadline = time.monotonic() + 10
    while _listens(port):
        assert time.monotonic() < deadline, "the server is still there"
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
