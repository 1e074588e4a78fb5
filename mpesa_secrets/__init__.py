"""M-Pesa (Daraja) credentials and tokens out of the secret store that you already have.

    from mpesa_secrets import connect

    mpesa = connect()
    requests.post(url, json=payload, auth=mpesa.auth)

Nothing is imported before it is asked for: `import mpesa_secrets` costs next to nothing.
"""

TYPE_CHECKING = False  # type checkers take it for true; importing it from typing would cost more than all of this
if TYPE_CHECKING:
    from mpesa_secrets.client import (
        Mpesa as Mpesa,
    )
    from mpesa_secrets.client import (
        connect as connect,
    )
    from mpesa_secrets.credentials import (
        Credentials as Credentials,
    )
    from mpesa_secrets.credentials import (
        PairFields as PairFields,
    )
    from mpesa_secrets.credentials import (
        Secret as Secret,
    )
    from mpesa_secrets.errors import (
        AccessDenied as AccessDenied,
    )
    from mpesa_secrets.errors import (
        ConfigurationError as ConfigurationError,
    )
    from mpesa_secrets.errors import (
        Conflict as Conflict,
    )
    from mpesa_secrets.errors import (
        CredentialsRejected as CredentialsRejected,
    )
    from mpesa_secrets.errors import (
        DarajaError as DarajaError,
    )
    from mpesa_secrets.errors import (
        DarajaUnavailable as DarajaUnavailable,
    )
    from mpesa_secrets.errors import (
        MalformedPair as MalformedPair,
    )
    from mpesa_secrets.errors import (
        MalformedSecret as MalformedSecret,
    )
    from mpesa_secrets.errors import (
        MpesaSecretsError as MpesaSecretsError,
    )
    from mpesa_secrets.errors import (
        ReadOnlyStore as ReadOnlyStore,
    )
    from mpesa_secrets.errors import (
        RequestBlocked as RequestBlocked,
    )
    from mpesa_secrets.errors import (
        RollbackFailed as RollbackFailed,
    )
    from mpesa_secrets.errors import (
        RolledBack as RolledBack,
    )
    from mpesa_secrets.errors import (
        RotationError as RotationError,
    )
    from mpesa_secrets.errors import (
        SecretNotFound as SecretNotFound,
    )
    from mpesa_secrets.errors import (
        StoreError as StoreError,
    )
    from mpesa_secrets.errors import (
        StoreUnavailable as StoreUnavailable,
    )
    from mpesa_secrets.errors import (
        UnexpectedAnswer as UnexpectedAnswer,
    )
    from mpesa_secrets.settings import (
        Settings as Settings,
    )
    from mpesa_secrets.stores import (
        StagingStore as StagingStore,
    )
    from mpesa_secrets.stores import (
        Store as Store,
    )
    from mpesa_secrets.stores import (
        Version as Version,
    )
    from mpesa_secrets.stores import (
        WritableStore as WritableStore,
    )
    from mpesa_secrets.tokens import (
        AccessToken as AccessToken,
    )

_HOMES = {
    "client": "Mpesa connect",
    "credentials": "Credentials PairFields Secret",
    "errors": (
        "AccessDenied ConfigurationError Conflict CredentialsRejected DarajaError DarajaUnavailable "
        "MalformedPair MalformedSecret MpesaSecretsError ReadOnlyStore RequestBlocked "
        "RollbackFailed RolledBack RotationError SecretNotFound StoreError StoreUnavailable "
        "UnexpectedAnswer "
    ),
    "settings": "Settings",
    "stores": "StagingStore Store Version WritableStore",
    "tokens": "AccessToken",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # The statement's own machinery: importlib would be one import more.
    module = __import__(f"{__name__}.{_HOME[name]}", fromlist=[name])
    value = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
