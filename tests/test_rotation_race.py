"""Eight rotations at once: one wins, the others hear of it, and the state is the winner's."""

from __future__ import annotations

from typing import Any

import pytest

from mpesa_secrets.simulator import Simulator
from tests.rotation_places import VERSIONED, OneByOne, fields, place_of
from tests.rotation_worker import winner, workers


@pytest.mark.parametrize("kind", VERSIONED)
def test_of_eight_rotations_at_once_one_wins(kind: str, many_pairs: Simulator, request: Any) -> None:
    """With eight pairs that all saw the same state, and with the same pair eight times, as they come."""
    place = place_of(kind, request)
    with OneByOne(place.upstream) as server, workers(8, place.variables(server.url)) as ready:
        for pairs, abreast in ((range(2, 10), True), ([2] * 8, True), ([2] * 8, False)):
            place = place.another()
            number = winner(ready.race(place.url, many_pairs.base_url, list(pairs), abreast=abreast))
            assert place.get() == fields(number)
            assert place.leftovers() == []
