"""The rights that the Terraform modules hand out, read from the files that the modules themselves read."""

from __future__ import annotations

import json
from pathlib import Path

TERRAFORM = Path(__file__).parent.parent / "terraform"
_ACTION_FILES = {
    "reader": "aws-secret",
    "rotator": "aws-secret",
    "token-cache": "aws-token-cache",
}


def actions(role: str) -> set[str]:
    """Returns the IAM actions that `reader`, `rotator` or `token-cache` is allowed, as `service:Operation`.

    KMS is not among them: Secrets Manager makes those calls on the role's behalf.
    """
    text = (TERRAFORM / "modules" / _ACTION_FILES[role] / "actions.json").read_text()
    return set(json.loads(text)[role])


def vault_policy(role: str, mount: str, path: str) -> str:
    """Returns the Vault policy of `reader` or `rotator`, rendered as Terraform's templatefile() does."""
    template = TERRAFORM / "modules" / "vault-secret" / "policies" / f"{role}.hcl.tftpl"
    return template.read_text().replace("${mount}", mount).replace("${path}", path)
