"""Eight rotations at once: one wins, the others hear of it, and the state is the winner's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mpesa_secrets.simulator import Simulator
from tests.rotation_places import VERSIONED, OneByOne, fields, place_of
from tests.rotation_worker import winner, workers

Lead = Callable[[Mapping[str, str]], None]


@pytest.mark.parametrize("kind", VERSIONED)
def test_of_eight_rotations_at_once_one_wins(kind: str, many_pairs: Simulator, request: Any, lead: Lead) -> None:
    """With eight pairs, and with the same pair eight times."""
    place = place_of(kind, request)
    with OneByOne(place.upstream) as server, workers(8, place.variables(server.url)) as ready:
        for pairs in (range(2, 10), [2] * 8):
            place = place.another()
            number = winner(ready.race(place.url, many_pairs.base_url, list(pairs)))
            assert place.get() == fields(number)
            assert place.leftovers() == []
