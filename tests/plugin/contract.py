"""The example's own test, as an author writes it. Its name keeps it out of the run where it is not installed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from mpesa_secrets.testing.stores import WritableStoreContract


class TestSqliteStore(WritableStoreContract):
    """The contract suite is all that it takes."""

    unknown_version = "99"

    @pytest.fixture
    def url_holding(self, tmp_path: Path) -> Callable[[Mapping[str, object]], str]:
        """A new database with one row."""

        def url_holding(fields: Mapping[str, object]) -> str:
            with closing(sqlite3.connect(tmp_path / "store.db")) as database, database:
                database.execute("CREATE TABLE secret (version INTEGER PRIMARY KEY, created_at REAL, fields TEXT)")
                database.execute("INSERT INTO secret VALUES (1, 0, ?)", (json.dumps(fields),))
            return f"sqlite://{tmp_path}/store.db"

        return url_holding

    @pytest.fixture
    def url_of_nothing(self, tmp_path: Path) -> str:
        """No file."""
        return f"sqlite://{tmp_path}/absent.db"
