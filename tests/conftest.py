"""What every test gets: a clean environment, a home of its own, and real servers when it asks for them."""

from __future__ import annotations

import os

import pytest

pytest_plugins = [
    "tests.servers.fixtures",
    "tests.token_fixtures",
    "tests.rotation_places",
    "tests.sharing_fixtures",
    "tests.agent_fixtures",
]

FOREIGN = ("MPESA_", "VAULT_", "BAO_", "AWS_", "PARAMETERS_SECRETS_")
FOREIGN_NAMES = {"GITHUB_ENV", "NETRC", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Takes away what the user's own environment and home would put into a test."""
    for name in list(os.environ):
        if name.startswith(FOREIGN) or name.upper() in FOREIGN_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
