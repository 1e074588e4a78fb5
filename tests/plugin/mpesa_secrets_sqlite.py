"""The pair in an SQLite file: `sqlite:///path/to/file`.

It wants a table secret (version INTEGER PRIMARY KEY, created_at REAL, fields TEXT), a row for each version, the
fields as JSON.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlsplit

from mpesa_secrets import Conflict, Secret, SecretNotFound, StoreUnavailable, Version

_NEWEST = "SELECT version, fields FROM secret ORDER BY version DESC LIMIT 1"
_BY_NUMBER = "SELECT version, fields FROM secret WHERE version = ?"
_ALL = "SELECT version, created_at FROM secret ORDER BY version DESC"


class SqliteStore:
    """Every write is a new row; the version is its number, so that two writers cannot both have it."""

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self, timeout: float) -> Secret:
        """The newest row."""
        return self._one(self._run(_NEWEST, (), timeout))

    def read_version(self, version: str, timeout: float) -> Secret:
        """The row of that number."""
        return self._one(self._run(_BY_NUMBER, (version,), timeout))

    def write(self, secret: Secret, timeout: float) -> str:
        """The next row, if nobody has it yet."""
        number = int(secret.version or 0) + 1
        try:
            self._run("INSERT INTO secret VALUES (?, ?, ?)", (number, time.time(), json.dumps(secret.fields)), timeout)
        except sqlite3.IntegrityError:
            raise Conflict(f"{self._path}: version {number} is there already") from None
        return str(number)

    def history(self, timeout: float) -> list[Version]:
        """All rows, the newest first."""
        rows = self._run(_ALL, (), timeout)
        states = ["current", "previous", *["superseded"] * len(rows)][: len(rows)]
        return [Version(str(row[0]), row[1], state) for row, state in zip(rows, states, strict=True)]

    def _one(self, rows: list[Any]) -> Secret:
        if not rows:
            raise SecretNotFound(f"{self._path}: no such row")
        return Secret(json.loads(rows[0][1]), str(rows[0][0]))

    def _run(self, sql: str, values: tuple[object, ...], timeout: float) -> list[Any]:
        if not os.path.exists(self._path):
            raise SecretNotFound(f"{self._path}: no such file")
        try:
            with closing(sqlite3.connect(self._path, timeout=timeout)) as database, database:
                return database.execute(sql, values).fetchall()
        except sqlite3.OperationalError as error:
            raise StoreUnavailable(f"{self._path}: {type(error).__name__}") from None


def open_store(url: str) -> SqliteStore:
    """The entry point: the store for a URL, without I/O."""
    return SqliteStore(unquote(urlsplit(url).path))


open_store.url_form = "sqlite:///path/to/file"  # type: ignore[attr-defined]  # shown by `mpesa-secrets backends`
