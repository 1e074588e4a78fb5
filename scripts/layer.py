"""Builds the AWS Lambda layer: mpesa-secrets with what it needs, without what the runtime has (boto3).

The same sources, packages and zlib make the same bytes: times are fixed, names are sorted, and nothing tells
where it was built. The layer is for every Python from 3.11 on and for both architectures; with --shared, which
adds the encryption of a shared token, for one of each.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("mpesa_secrets", "backends", "pyproject.toml", "README.md", "LICENSE")
WRAPPER = ROOT / "lambda" / "mpesa-secrets-exec"
MEGABYTE = 1_000_000
MOST, MOST_SHARED = 3 * MEGABYTE, 8 * MEGABYTE  # zipped
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
# What pip notes about this one installation, and scripts that name this machine's interpreter.
NOTES = ("*.dist-info/RECORD", "*.dist-info/INSTALLER", "*.dist-info/REQUESTED", "*.dist-info/direct_url.json", "bin")
PURE = ("--platform", "any", "--implementation", "py", "--abi", "none", "--python-version", "3.11")


def main() -> int:
    """Build it; returns the exit code."""
    options = _options()
    most = MOST_SHARED if options.shared else MOST
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "tree"
        _install(tree / "python", Path(name), _target(options), "[shared]" if options.shared else "")
        shutil.copy(WRAPPER, tree)
        size, unpacked = _zip(tree, options.output)
    print(f"{options.output}: {size / MEGABYTE:.2f} MB, {unpacked / MEGABYTE:.2f} MB unpacked")
    if size > most:
        print(f"{options.output}: larger than {most / MEGABYTE:.0f} MB", file=sys.stderr)
    return int(size > most)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "dist" / "mpesa-secrets-layer.zip")
    parser.add_argument("--shared", choices=["x86_64", "arm64"], help="add what a shared token cache needs")
    parser.add_argument("--python-version", default="3.13", help="with --shared: the runtime's [3.13]")
    return parser.parse_args()


def _target(options: argparse.Namespace) -> Sequence[str]:
    """For whom pip chooses the packages: anybody, or one runtime."""
    if not options.shared:
        return PURE
    machine = {"x86_64": "x86_64", "arm64": "aarch64"}[options.shared]
    # The runtimes from Python 3.12 on are Amazon Linux 2023 with glibc 2.34, the earlier ones have 2.26.
    glibcs = ["2014"] if options.python_version == "3.11" else ["2014", "_2_28", "_2_34"]
    platforms = [word for glibc in glibcs for word in ("--platform", f"manylinux{glibc}_{machine}")]
    return [*platforms, "--implementation", "cp", "--python-version", options.python_version]


def _install(target: Path, scratch: Path, options: Sequence[str], extra: str) -> None:
    """Our wheel and the packages that it needs, as wheels only: nothing of theirs is run here."""
    # A copy, for the build leaves its traces, and takes up those of earlier ones.
    for source in SOURCES:
        _copy(ROOT / source, scratch / "sources" / source)
    _pip("wheel", "--no-deps", "--wheel-dir", str(scratch), str(scratch / "sources"))
    (wheel,) = scratch.glob("*.whl")
    _pip("install", "--target", str(target), "--no-compile", "--only-binary", ":all:", *options,
         "--constraint", str(ROOT / "constraints.txt"), f"{wheel}{extra}")  # fmt: skip
    for found in [path for pattern in NOTES for path in target.glob(pattern)]:
        shutil.rmtree(found) if found.is_dir() else found.unlink()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def _zip(tree: Path, output: Path) -> tuple[int, int]:
    """Bytes zipped, and unpacked."""
    output.parent.mkdir(parents=True, exist_ok=True)
    unpacked = 0
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in _files(tree):
            entry = zipfile.ZipInfo(path.relative_to(tree).as_posix(), EPOCH)
            entry.external_attr = (0o100755 if path.name == WRAPPER.name else 0o100644) << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
            unpacked += path.stat().st_size
    return output.stat().st_size, unpacked


def _files(tree: Path) -> Iterator[Path]:
    return (path for path in sorted(tree.rglob("*")) if path.is_file())


if __name__ == "__main__":
    sys.exit(main())
