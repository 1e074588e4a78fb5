"""Distributions made by hand, as pip leaves them: modules and a `.dist-info` in a directory of `sys.path`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

GROUP = "mpesa_secrets.backends"


def install(
    site: Path, name: str, entry_points: Mapping[str, str], modules: Mapping[str, str], version: str = "1.0"
) -> None:
    """Write a distribution into a directory.

    Args:
        site: the directory.
        name: the distribution's name.
        entry_points: scheme to `module:callable [extra]`, in the group of the stores.
        modules: module name to source text.
        version: its version.
    """
    information = site / f"{name.replace('-', '_')}-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = "".join(f"{scheme} = {target}\n" for scheme, target in entry_points.items())
    (information / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
    for module, source in modules.items():
        (site / f"{module}.py").write_text(source)
