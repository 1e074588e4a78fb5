"""A token by mpesa-secrets, from whatever store MPESA_SECRETS_URL names."""

from mpesa_secrets import connect

print(len(connect().token().value))
