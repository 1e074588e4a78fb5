"""The plugins that ship with mpesa-secrets; installed as `mpesa_secrets_backends`."""
