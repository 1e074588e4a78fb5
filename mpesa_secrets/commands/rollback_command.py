"""`mpesa-secrets rollback`."""

from __future__ import annotations

from mpesa_secrets.commands.rotating import carry_out, take_rotation_options
from mpesa_secrets.commands.session import Session, command as _command
from mpesa_secrets.rotation import Rotation


@_command("rollback")
@take_rotation_options
def command(session: Session, **options: bool) -> None:
    """Bring the previous pair back, with the same care as a rotation."""
    carry_out(session, Rotation.rollback, **options)
