"""The dotenv store: what it leaves alone, what it keeps, and who it lets win."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import ClassVar

import pytest
from dotenv import dotenv_values

from mpesa_secrets.credentials import Secret
from mpesa_secrets.errors import AccessDenied, Conflict, MalformedSecret, SecretNotFound, StoreError, StoreUnavailable
from mpesa_secrets.stores import StoreDoor, WritableStore
from mpesa_secrets.testing.stores import WritableStoreContract
from tests.leaks import secrets_in_traceback

PAIR = b"MPESA_CONSUMER_KEY=old-key\nMPESA_CONSUMER_SECRET=old-hush\n"
NOBODY = 65534


class TestDotenvStore(WritableStoreContract):
    """The contract, in a file."""

    key_field = "CONSUMER_KEY"
    secret_field = "CONSUMER_SECRET"
    neighbours: ClassVar[Mapping[str, object]] = {"PASSKEY": "it's $1 #2", "EMPTY": ""}

    @pytest.fixture
    def url_holding(self, tmp_path: Path) -> Callable[[Mapping[str, object]], str]:
        """A new file."""

        def url_holding(fields: Mapping[str, object]) -> str:
            file = tmp_path / ".env"
            file.write_text("".join(f"MPESA_{name}={str(value)!r}\n" for name, value in fields.items()))
            return f"env://{file}"

        return url_holding

    @pytest.fixture
    def url_of_nothing(self, tmp_path: Path) -> str:
        """A file that is not there."""
        return f"env://{tmp_path}/absent"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with a pair and nothing else."""
    path = tmp_path / ".env"
    path.write_bytes(PAIR)
    path.chmod(0o600)
    return path


def door(file: Path, query: str = "") -> StoreDoor:
    """The store of a file."""
    return StoreDoor(f"env://{file}{query}")


def rotate(store: StoreDoor, key: str = "new-key", hush: str = "new-hush") -> str:
    """Write a new pair, as a rotation does; returns the new version."""
    now = store.read(1)
    names = store.pair_fields.find(now)
    return str(store.call("write", Secret({**now.fields, names[0]: key, names[1]: hush}, now.version), timeout=5))


@contextmanager
def as_nobody() -> Iterator[Path]:
    """A directory open to everybody, and an ordinary user to look at it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        if os.geteuid() != 0:
            yield Path(directory)
            return
        os.seteuid(NOBODY)
        try:
            yield Path(directory)
        finally:
            os.seteuid(0)


@contextmanager
def as_root() -> Iterator[None]:
    """Root again for a moment, where the tests run as root."""
    user = os.geteuid()
    if os.getuid() == 0:
        os.seteuid(0)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(user)


def test_every_byte_but_the_values_stays(file: Path) -> None:
    """Order, comments, quotes, export, CRLF, a missing last newline, bytes of no encoding, earlier duplicates."""
    before = (
        b"\xef\xbb\xbf# caf\xe9\r\nMPESA_CONSUMER_KEY=first\r\n\r\n"
        b"  export MPESA_CONSUMER_KEY = 'old-key'  # the key\r\n"
        b'JUNK LINE\r\nOTHER="a\\n#b" #c\r\nMPESA_CONSUMER_SECRET="old-hush"\t# hush\r\nLAST=x y'
    )
    file.write_bytes(before)
    rotate(door(file))
    assert file.read_bytes() == before.replace(b"old-", b"new-")


def test_quotes_change_only_where_the_value_needs_others(file: Path) -> None:
    """A bare value that would be cut off at its hash gets quotes; the comment behind it stays."""
    file.write_bytes(b"MPESA_CONSUMER_KEY='old' # a\nMPESA_CONSUMER_SECRET=old # b\n")
    rotate(door(file), "it's", "new #hush")
    assert file.read_bytes() == b"MPESA_CONSUMER_KEY=\"it's\" # a\nMPESA_CONSUMER_SECRET='new #hush' # b\n"


def test_a_new_field_is_appended_and_a_missing_one_stays(file: Path) -> None:
    """Nothing is ever taken out of somebody's file."""
    file.write_bytes(PAIR + b"MPESA_PASSKEY=p")
    store = door(file)
    now = store.read(1)
    pair = {name: now.fields[name] for name in ("CONSUMER_KEY", "CONSUMER_SECRET")}
    store.call("write", Secret({**pair, "SHORTCODE": "174379"}, now.version), timeout=1)
    assert file.read_bytes() == PAIR + b"MPESA_PASSKEY=p\nMPESA_SHORTCODE=174379"


def test_python_dotenv_reads_what_was_written(file: Path) -> None:
    """The library that most applications read the file with agrees."""
    awkward = "a'b\"c\\d #e $f `g` é\n\th"
    rotate(door(file), hush=awkward)
    assert dotenv_values(file, interpolate=False)["MPESA_CONSUMER_SECRET"] == awkward


def test_the_file_is_private_from_its_first_byte_on(file: Path) -> None:
    """Whatever the mode and the umask were, both files end as 0600."""
    file.chmod(0o664)
    before = os.umask(0)
    try:
        rotate(door(file))
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()} == {
        ".env": 0o600,
        ".env.previous": 0o600,
    }


def test_the_owner_stays(file: Path) -> None:
    """Root may rotate a file that an application's user reads."""
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    os.chown(file, NOBODY, NOBODY)
    rotate(door(file))
    for path in (file, Path(f"{file}.previous")):
        assert (path.stat().st_uid, path.stat().st_gid) == (NOBODY, NOBODY)


def test_a_file_is_not_taken_from_its_owner() -> None:
    """With mode 0600 its owner could read it no more, so the write is refused and changes nothing."""
    if os.getuid() != 0:
        pytest.skip("needs a file of another user")
    with as_nobody() as directory:
        with as_root():
            directory.chmod(0o777)
            (directory / ".env").write_bytes(PAIR)
            (directory / ".env").chmod(0o666)
        with pytest.raises(AccessDenied, match="owner"):
            rotate(door(directory / ".env"))
        assert [path.name for path in directory.iterdir()] == [".env"]
        assert (directory / ".env").read_bytes() == PAIR


def test_the_previous_pair_is_beside_the_file(file: Path) -> None:
    """A dotenv file itself, whose last pair is the newest of them."""
    file.write_bytes(b"MPESA_CONSUMER_KEY=k-0\nMPESA_CONSUMER_SECRET=hush-0\nMPESA_PASSKEY=p\n")
    for generation in range(1, 4):
        rotate(door(file), f"k-{generation}", f"hush-{generation}")
    assert dotenv_values(f"{file}.previous") == {"MPESA_CONSUMER_KEY": "k-2", "MPESA_CONSUMER_SECRET": "hush-2"}


def test_five_previous_pairs_are_kept(file: Path) -> None:
    """History lists them, the newest first, and each can be read with today's neighbours."""
    store = door(file)
    versions = [store.read(1).version, *(rotate(store, f"k-{n}", f"hush-{n}") for n in range(7))]
    history = store.call("history", timeout=1)
    assert [version.version for version in history] == versions[:1:-1]
    assert [version.state for version in history] == ["current", "previous", *["superseded"] * 4]
    assert abs(history[-1].created_at - time.time()) < 60
    file.write_bytes(file.read_bytes() + b"MPESA_PASSKEY=today\n")
    then = store.call("read_version", versions[3], timeout=1)
    assert then == Secret({"CONSUMER_KEY": "k-2", "CONSUMER_SECRET": "hush-2", "PASSKEY": "today"}, versions[3])


def test_a_repeated_rotation_leaves_one_block(file: Path) -> None:
    """Killed between the two files, the rotation runs again: the pair is not kept twice."""
    store = door(file)
    rotate(store)
    once = Path(f"{file}.previous").read_bytes()
    file.write_bytes(PAIR)
    rotate(store)
    assert Path(f"{file}.previous").read_bytes().count(b"version") == once.count(b"version") == 1


def test_prefixes_in_one_file_keep_their_own_previous_pairs(file: Path) -> None:
    """Five rotations of one do not push out what the other can go back to."""
    file.write_bytes(PAIR + b"SHOP_CONSUMER_KEY=s-key\nSHOP_CONSUMER_SECRET=s-hush\n")
    shop, mpesa = StoreDoor(f"env://SHOP_?file={file}"), door(file)
    rotate(shop)
    for generation in range(6):
        rotate(mpesa, f"k-{generation}", f"hush-{generation}")
    versions = [version.version for version in shop.call("history", timeout=1)]
    then = shop.call("read_version", versions[1], timeout=1)
    assert (len(versions), then.fields["CONSUMER_KEY"]) == (2, "s-key")


def test_a_link_is_followed(file: Path, tmp_path: Path) -> None:
    """The file that it names is replaced, the link stays a link, and `.previous` lies beside the file."""
    (tmp_path / "app").mkdir()
    link = tmp_path / "app" / "linked.env"
    link.symlink_to("../.env")
    rotate(door(link))
    assert link.is_symlink()
    assert b"new-key" in file.read_bytes()
    assert [path.name for path in link.parent.iterdir()] == ["linked.env"]
    assert Path(f"{file}.previous").exists()


def test_what_a_killed_write_left_is_cleaned_up(file: Path) -> None:
    """Temporary files have one name, so they never pile up."""
    leftover = Path(f"{file}.mpesa-secrets-new")
    leftover.write_bytes(b"half of it")
    leftover.chmod(0o666)
    rotate(door(file))
    assert sorted(path.name for path in file.parent.iterdir()) == [".env", ".env.previous"]
    assert b"new-key" in file.read_bytes()


def test_a_write_that_cannot_be_finished_changes_nothing(file: Path) -> None:
    """The disk is full: the old file stays whole, no other file is left, the error shows no secret."""
    file.write_bytes(PAIR + b"#" * 4096)
    before, limits = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, limits[1]))
    try:
        with pytest.raises(StoreUnavailable) as refusal:
            rotate(door(file))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert secrets_in_traceback(refusal.value, ["old-hush", "new-hush"]) == []
    assert (file.read_bytes(), [path.name for path in file.parent.iterdir()]) == (before, [".env"])


def test_who_edits_during_the_write_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version is looked at again when all is ready to be replaced."""
    edited = PAIR + b"# edited\n"
    synced = os.fsync

    def edit_and_sync(descriptor: int) -> None:
        file.write_bytes(edited)
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", edit_and_sync)
    with pytest.raises(Conflict) as refusal:
        rotate(door(file))
    assert (file.read_bytes(), [path.name for path in file.parent.iterdir()]) == (edited, [".env"])
    assert secrets_in_traceback(refusal.value, ["old-hush", "new-hush"]) == []


def test_a_stale_write_of_what_is_there_already_conflicts(file: Path) -> None:
    """Nothing would change, yet the writer does not know the file that it takes itself to have written."""
    store = door(file)
    now = store.read(1)
    with pytest.raises(Conflict):
        store.call("write", Secret(now.fields, "0123456789abcdef"), timeout=1)


def test_a_held_lock_bounds_the_wait(file: Path) -> None:
    """Another process writes all the time: unavailable when the time is up, and nothing changed."""
    store = door(file)
    now = store.read(1)
    holder = os.open(file.parent, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)
    try:
        with pytest.raises(StoreUnavailable, match="lock"):
            store.call("write", Secret({**now.fields, "CONSUMER_KEY": "new"}, now.version), timeout=0.1)
    finally:
        os.close(holder)
    assert file.read_bytes() == PAIR


def _count_up(file: Path, times: int) -> None:
    store = door(file)
    done = 0
    while done < times:
        now = store.read(1)
        counted = {**now.fields, "CONSUMER_KEY": str(int(str(now.fields["CONSUMER_KEY"])) + 1)}
        try:
            store.call("write", Secret(counted, now.version), timeout=20)
            done += 1
        except Conflict:
            continue


def test_no_write_of_two_processes_is_lost(file: Path) -> None:
    """Each counts up under compare-and-swap; the sum is all of their writes."""
    file.write_bytes(b"MPESA_CONSUMER_KEY=0\nMPESA_CONSUMER_SECRET=hush\n")
    processes = [get_context("spawn").Process(target=_count_up, args=(file, 20)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert door(file).read(1).fields["CONSUMER_KEY"] == "40"


def test_a_reader_sees_one_pair_or_the_other(file: Path) -> None:
    """While another process writes without a pause, no read finds half a file."""
    code = (
        "import sys; from pathlib import Path; from tests.test_dotenv_store import door, rotate\n"
        "for n in range(60): rotate(door(Path(sys.argv[1])), f'key-{n}', f'key-{n}-hush')"
    )
    rotate(door(file), "key", "key-hush")
    with subprocess.Popen([sys.executable, "-c", code, str(file)], cwd=Path(__file__).parents[1]) as writer:
        while writer.poll() is None:
            found = door(file).credentials(1)
            assert found.consumer_secret == f"{found.consumer_key}-hush"
    assert writer.returncode == 0


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        (b"OTHER=1\n", SecretNotFound, "MPESA_CONSUMER_KEY and MPESA_CONSUMER_SECRET"),
        (b"MPESA_CONSUMER_KEY=k\n", SecretNotFound, "MPESA_CONSUMER_SECRET: not set"),
        (b"MPESA_CONSUMER_KEY=k\nMPESA_CONSUMER_SECRET=\n", MalformedSecret, "CONSUMER_SECRET: empty"),
        (b"MPESA_CONSUMER_KEY=k\nMPESA_CONSUMER_SECRET=\xff\n", MalformedSecret, "UTF-8"),
        (b"MPESA_CONSUMER_SECRET=a\nMPESA_CONSUMER_KEY=k\n#\nMPESA_CONSUMER_SECRET='a\n", MalformedSecret, "line 4"),
        (b"MPESA_CONSUMER_KEY='k'k\nMPESA_CONSUMER_SECRET=a\n", MalformedSecret, "line 1"),
    ],
)
def test_a_file_without_a_usable_pair_says_why(
    file: Path, content: bytes, error: type[StoreError], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names variable and file, and the environment is never looked at instead."""
    monkeypatch.setenv("MPESA_CONSUMER_KEY", "key-of-the-environment")
    monkeypatch.setenv("MPESA_CONSUMER_SECRET", "hush-of-the-environment")
    file.write_bytes(content)
    with pytest.raises(error, match=text) as refusal:
        door(file).read(1)
    assert type(refusal.value) is error
    assert str(file) in str(refusal.value)


def test_trouble_in_a_neighbour_is_no_trouble(file: Path) -> None:
    """Undecodable bytes and open quotes elsewhere neither fail a read nor are lost by a write."""
    rest = b"MPESA_NOTE=\xff\xfe\nMPESA_BROKEN='x\n"
    file.write_bytes(PAIR + rest)
    rotate(door(file))
    assert file.read_bytes() == PAIR.replace(b"old-", b"new-") + rest


def test_what_dotenv_cannot_hold_is_refused(file: Path) -> None:
    """A number would come back as text, a line of junk would swallow what is appended: nothing is written."""
    file.write_bytes(PAIR + b"JUNK='\n")
    store = door(file)
    now = store.read(1)
    for field, value in (("N", 1), ("N", "\ud800"), ("A B", "x"), ("Q", "it's")):
        with pytest.raises(MalformedSecret) as refusal:
            store.call("write", Secret({**now.fields, field: value}, now.version), timeout=1)
        assert secrets_in_traceback(refusal.value, ["old-hush"]) == []
    assert file.read_bytes() == PAIR + b"JUNK='\n"


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_what_is_no_file_is_malformed(tmp_path: Path, kind: str) -> None:
    """And a pipe that nobody writes to holds nobody up."""
    place = tmp_path / "place"
    place.mkdir() if kind == "directory" else os.mkfifo(place)
    with pytest.raises(MalformedSecret, match=r"is (a directory|no regular file)"):
        door(place).read(1)


def test_a_file_that_may_not_be_read_is_denied() -> None:
    """Denied is not missing."""
    with as_nobody() as directory:
        with as_root():
            (directory / ".env").write_bytes(PAIR)
            (directory / ".env").chmod(0o000)
        with pytest.raises(AccessDenied):
            door(directory / ".env").read(1)


def test_a_directory_that_may_not_be_written_is_denied() -> None:
    """Rotation needs it; reading does not."""
    with as_nobody() as directory:
        with as_root():
            (directory / ".env").write_bytes(PAIR)
            (directory / ".env").chmod(0o644)
            directory.chmod(0o555)
        with pytest.raises(AccessDenied, match="Permission denied"):
            rotate(door(directory / ".env"))


def test_remarks_tell_of_open_modes_and_links(file: Path, tmp_path: Path) -> None:
    """What an operator should know before writing; nothing of a private file."""
    assert door(file).call("remarks", timeout=1) == []
    file.chmod(0o640)
    (tmp_path / "link").symlink_to(file)
    os.link(file, tmp_path / "hard")
    remarks = door(tmp_path / "link").call("remarks", timeout=1)
    assert [word in remark for word, remark in zip(("0640", "link", "hard"), remarks, strict=True)] == [True] * 3


def test_named_fields_are_variables_under_their_full_names(file: Path) -> None:
    """They are read, written and kept by the names that the URL gives."""
    file.write_bytes(b"DARAJA_KEY=old-key\nDARAJA_HUSH=old-hush\nMPESA_PASSKEY=p\n")
    store = door(file, "?key_field=DARAJA_KEY&secret_field=DARAJA_HUSH")
    assert sorted(store.read(1).fields) == ["DARAJA_HUSH", "DARAJA_KEY", "PASSKEY"]
    rotate(store)
    assert file.read_bytes() == b"DARAJA_KEY=new-key\nDARAJA_HUSH=new-hush\nMPESA_PASSKEY=p\n"
    assert b"DARAJA_KEY=old-key\n" in Path(f"{file}.previous").read_bytes()


def test_the_store_is_a_writable_store(file: Path) -> None:
    """By the protocol that authors read."""
    assert isinstance(door(file).store(), WritableStore)
