"""No test sees the environment or the home of whoever runs it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

NAMES = ("MPESA_BASE_URL", "VAULT_TOKEN", "AWS_PROFILE", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT",
         "GITHUB_ENV", "https_proxy", "HTTP_PROXY", "NETRC")  # fmt: skip


@pytest.fixture(scope="module")
def foreign_environment() -> Iterator[None]:
    """Sets what a user may have set; being of wider scope it comes before the cleaning."""
    with pytest.MonkeyPatch.context() as patch:
        for name in NAMES:
            patch.setenv(name, "foreign")
        yield


@pytest.mark.usefixtures("foreign_environment")
def test_foreign_variables_are_taken_away() -> None:
    """Neither ours, nor those of the SDKs, nor proxies."""
    assert [name for name in NAMES if name in os.environ] == []


def test_home_is_empty_and_ones_own() -> None:
    """No ~/.vault-token, no ~/.aws, no ~/.netrc."""
    assert Path.home() == Path(os.environ["HOME"])
    assert list(Path.home().iterdir()) == []
