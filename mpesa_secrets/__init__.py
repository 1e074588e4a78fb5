"""M-Pesa (Daraja) credentials and tokens out of the secret store that you already have.

    from mpesa_secrets import connect

    mpesa = connect()
    requests.post(url, json=payload, auth=mpesa.auth)

Nothing is imported before it is asked for: `import mpesa_secrets` costs next to nothing.
"""

TYPE_CHECKING = False  # type checkers take it for true; importing it from typing would cost more than all of this
if TYPE_CHECKING:
    from mpesa_secrets.caches import (
        TokenCache as TokenCache,
    )
    from mpesa_secrets.client import (
        Mpesa as Mpesa,
        connect as connect,
    )
    from mpesa_secrets.credentials import (
        Credentials as Credentials,
        PairFields as PairFields,
        Secret as Secret,
    )
    from mpesa_secrets.errors import (
        AccessDenied as AccessDenied,
        ConfigurationError as ConfigurationError,
        Conflict as Conflict,
        CredentialsRejected as CredentialsRejected,
        DarajaError as DarajaError,
        DarajaUnavailable as DarajaUnavailable,
        Interrupted as Interrupted,
        MalformedPair as MalformedPair,
        MalformedSecret as MalformedSecret,
        MpesaSecretsError as MpesaSecretsError,
        ReadOnlyStore as ReadOnlyStore,
        RequestBlocked as RequestBlocked,
        RollbackFailed as RollbackFailed,
        RolledBack as RolledBack,
        RotationError as RotationError,
        SecretNotFound as SecretNotFound,
        StoreError as StoreError,
        StoreUnavailable as StoreUnavailable,
        UnexpectedAnswer as UnexpectedAnswer,
    )
    from mpesa_secrets.settings import (
        Settings as Settings,
    )
    from mpesa_secrets.stores import (
        StagingStore as StagingStore,
        Store as Store,
        Version as Version,
        WritableStore as WritableStore,
    )
    from mpesa_secrets.tokens import (
        AccessToken as AccessToken,
    )

_HOMES = {
    "caches": "TokenCache",
    "client": "Mpesa connect",
    "credentials": "Credentials PairFields Secret",
    "errors": (
        "AccessDenied ConfigurationError Conflict CredentialsRejected DarajaError DarajaUnavailable Interrupted "
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


if not TYPE_CHECKING:  # to a type checker it would make every misspelt name an object

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
