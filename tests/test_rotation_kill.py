"""kill -9 at random moments of a rotation: nothing is lost, and a rerun finishes the job."""

from __future__ import annotations

from typing import Any

import pytest

from mpesa_secrets.simulator import Simulator
from tests.rotation_kills import Killer
from tests.rotation_places import KINDS, place_of

TIMES = 5  # `python -m tests.benchmarks.rotations kills` does it 200 times


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_rotation_is_mended_by_a_rerun(kind: str, many_pairs: Simulator, request: Any) -> None:
    """Old pair or new pair, every neighbour as it was; after the rerun the new pair and nothing left over."""
    place = place_of(kind, request)
    with pytest.MonkeyPatch.context() as patched:
        for name, value in place.variables().items():
            patched.setenv(name, value)
        killer = Killer(place, many_pairs)
        for _ in range(TIMES):
            killer.kill(place.another())
