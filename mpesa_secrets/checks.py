"""Is everything there that a token needs? One step after the other, each with a hint where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from mpesa_secrets.client import Mpesa
from mpesa_secrets.credentials import Credentials
from mpesa_secrets.errors import MalformedSecret, MpesaSecretsError
from mpesa_secrets.form import impossible, mixed_up, unusual
from mpesa_secrets.settings import Settings


class Check(NamedTuple):
    """One step's outcome.

    Attributes:
        name: `settings`, `store`, `pair` or `token`.
        ok: whether it passed.
        detail: what was found, or what is wrong.
        hint: what to do, or what to look at, or None.
        error: the error that it failed with, or None.
    """

    name: str
    ok: bool
    detail: str
    hint: str | None = None
    error: MpesaSecretsError | None = None


def checks(settings: Callable[[], Settings], *, live: bool) -> Iterator[Check]:
    """The steps, each as it is done; the first that fails is the last.

    Args:
        settings: makes the settings; its failure is the first step's.
        live: whether to ask for a token, too, through the token cache.
    """
    try:
        mpesa = Mpesa(settings())
        yield Check("settings", True, f"{mpesa.settings.environment}, {mpesa.settings.base_url}")
    except MpesaSecretsError as error:
        yield _failed("settings", error)
        return
    try:
        credentials = mpesa.credentials()
        yield Check("store", True, f"{mpesa.store.name}, version {credentials.version or 'not told'}")
    except MpesaSecretsError as error:
        yield _failed("store", error)
        return
    form = _form(mpesa, credentials)
    yield form
    if live and form.ok:
        yield _live(mpesa)


def _form(mpesa: Mpesa, credentials: Credentials) -> Check:
    complaint = impossible(credentials)
    if complaint:
        return _failed("pair", MalformedSecret(f"{mpesa.store.name}: {complaint}", hint="store it again, without that"))
    return Check("pair", True, f"fingerprint {credentials.fingerprint}", mixed_up(credentials) or unusual(credentials))


def _live(mpesa: Mpesa) -> Check:
    try:
        token = mpesa.token()
    except MpesaSecretsError as error:
        return _failed("token", error)
    return Check("token", True, f"Daraja accepts the pair; the token is good for {token.lifetime:.0f} s")


def _failed(name: str, error: MpesaSecretsError) -> Check:
    return Check(name, False, str(error), error.hint, error)
