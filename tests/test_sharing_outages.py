"""One token for many processes, when the cache is down, or a package is missing, or a process ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mpesa_secrets.client import Mpesa
from mpesa_secrets.errors import ConfigurationError
from mpesa_secrets.settings import Settings
from mpesa_secrets.sharing import share
from mpesa_secrets.simulator import Simulator
from mpesa_secrets.tokens import AccessToken
from tests.daraja_client import KEY, SECRET
from tests.leaks import shows
from tests.servers.valkey import Valkey
from tests.sharing_fixtures import PAIR, Slot, requests
from tests.token_fixtures import Client, HandClocks, eventually, landed


@pytest.fixture(autouse=True)
def nothing_under_way() -> Iterator[None]:
    """Calls of one test do not reach into the next."""
    yield
    eventually(landed)


def test_sharing_without_a_cache_is_quiet_but_for_the_log(
    daraja: Simulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A rotation is done, whether the cache is up or not."""
    settings = Settings(base_url=daraja.base_url, token_cache=f"file://{tmp_path}/missing/tokens")
    assert not share(settings, PAIR, AccessToken("token", time.time() + 3599, 3599.0))
    assert "No such file" in caplog.text


def test_cache_that_is_down_is_done_without(
    client: Client,
    daraja: Simulator,
    tmp_path: Path,
    hand: HandClocks,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With a warning; and it is used again when it is back."""
    down = f"file://{tmp_path}/later/tokens"
    mpesa = client(clocks=hand.clocks, token_cache=down)
    token = mpesa.token()
    assert mpesa.token() == token
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    for _ in range(5):
        hand.tick(11)
        mpesa.invalidate(mpesa.token())
        assert mpesa.token() != token
    assert len(caplog.records) == 1
    (tmp_path / "later").mkdir()
    token = mpesa.token()
    hand.tick(6)
    mpesa.invalidate(token)
    shared = mpesa.token()
    assert shared != token
    second = client(clocks=hand.clocks, token_cache=down)
    assert second.token() == shared
    assert requests(daraja) == 7


def test_token_that_missed_the_cache_is_not_given_up_for_an_older_one(
    process: Callable[..., Mpesa], tmp_path: Path, hand: HandClocks
) -> None:
    """The cache was down when it came, and has kept a dead one."""
    tokens = tmp_path / "tokens"
    other = process(clocks=hand.clocks)
    dead = other.token()
    kept = tokens.read_bytes()
    hand.tick(10)
    client = process(clocks=hand.clocks)
    assert client.token() == dead
    tokens.unlink()
    tokens.mkdir()
    client.invalidate(dead)
    own = client.token()
    tokens.rmdir()
    tokens.write_bytes(kept)
    hand.tick(3500)
    assert client.token() != dead
    client.invalidate(own)
    assert client.token() not in (dead, own)


def test_cache_shows_no_secret(process: Callable[..., Mpesa], tmp_path: Path) -> None:
    """Who can read it learns nothing."""
    token = process().token()
    everything = "".join(file.read_text() for file in tmp_path.iterdir() if file.is_file())
    assert json.loads((tmp_path / "tokens").read_text())
    assert not shows(everything, [token.value, SECRET, KEY])


def test_process_that_ends_while_daraja_answers_does_not_lose_the_token(
    process: Callable[..., Mpesa], daraja: Simulator, cache: str, slot: Slot
) -> None:
    """The token before is dead already: the others must get the new one."""
    daraja.latency = 0.5
    program = (
        "import sys, threading, time, mpesa_secrets\n"
        "mpesa = mpesa_secrets.connect('env://', base_url=sys.argv[1], token_cache=sys.argv[2])\n"
        "threading.Thread(target=mpesa.token, daemon=True).start()\n"
        "sys.stdin.read()\n"
    )
    environment = {"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET}
    command = [sys.executable, "-c", program, daraja.base_url, cache]
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE) as short:
        eventually(lambda: requests(daraja) == 1, 20.0)
    assert slot.load()
    assert process().token()
    assert requests(daraja) == 1
    assert short.returncode == 0


def test_unknown_scheme_fails_at_once(client: Client) -> None:
    """Before anything is asked of anybody, and without the password."""
    with pytest.raises(ConfigurationError, match="MPESA_TOKEN_CACHE") as caught:
        client(token_cache="redsi://:hush@host")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("package", "cache_url", "extra"),
    [("cryptography", "file:///tmp/never-made", "shared"), ("redis", "redis://127.0.0.1:1", "redis")],
)
def test_package_that_is_not_installed_is_named_with_its_extra(package: str, cache_url: str, extra: str) -> None:
    """Exit 3: that is no cache that is down."""
    program = f"import sys; sys.modules[{package!r}] = None; from mpesa_secrets.commands import main; main()"
    environment = {"MPESA_CONSUMER_KEY": KEY, "MPESA_CONSUMER_SECRET": SECRET, "MPESA_BASE_URL": "http://127.0.0.1:1"}
    command = [sys.executable, "-c", program, "token", "--token-cache", cache_url]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert f"the package {package} is not installed" in done.stderr
    assert "mpesa-secrets[" in done.stderr
    assert extra in done.stderr


def test_threads_of_one_process_look_once_together(process: Callable[..., Mpesa], slot: Slot) -> None:
    """However many wait."""
    fence = slot.lease(60.0)
    client = process()
    tokens: list[object] = []
    threads = [threading.Thread(target=lambda: tokens.append(client.token())) for _ in range(10)]
    for thread in threads:
        thread.start()
    slot.release(fence)
    for thread in threads:
        thread.join()
    assert len(set(tokens)) == 1


def test_cache_that_hangs_delays_no_longer_than_half_the_time(
    client: Client, daraja: Simulator, valkey: Valkey
) -> None:
    """SIGSTOP; it is asked twice, for to go alone takes the token away from the others. Later it is used again."""
    mpesa = client(token_cache=valkey.url, timeout=8.0)
    token = mpesa.token()
    os.kill(valkey.process.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        mpesa.invalidate(token)
        assert mpesa.token() != token
        assert time.monotonic() - begun < 7.0
    finally:
        os.kill(valkey.process.pid, signal.SIGCONT)
    assert requests(daraja) == 2


def test_process_that_is_alone_does_not_fight_the_others(client: Client, daraja: Simulator, valkey: Valkey) -> None:
    """The cache is back by the time that its own token is refused: it waits for that, and takes theirs."""
    lonely, other = (client(token_cache=valkey.url, timeout=20.0) for _ in range(2))
    shared = lonely.token()
    valkey.stop()
    lonely.invalidate(shared)
    own = lonely.token()
    valkey.start()
    theirs = other.token()
    assert theirs != own
    lonely.invalidate(own)
    assert lonely.token() == theirs
    assert requests(daraja) == 3
