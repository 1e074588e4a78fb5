"""`python -m mpesa_secrets` is the command `mpesa-secrets`."""

from mpesa_secrets.commands import main

if __name__ == "__main__":
    main()
