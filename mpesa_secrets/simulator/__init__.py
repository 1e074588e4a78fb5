"""A Daraja on this machine, for tests, demonstrations and development: no account, no network.

What is known of the real service, and done here:

- `GET /oauth/v1/generate?grant_type=client_credentials` with HTTP Basic gives a token of 28 letters and
  digits. `expires_in` is text ("3599") in captures of the live service and a number in its documentation.
- A wrong key or secret is most often answered with 400 and an empty body, without any reason.
- The documentation says that each token request ends the token before it. Whether it is so was never
  measured, hence `last_token_wins`.
- The business APIs do not agree on how to say that a token is invalid: HTTP 401, 404 and 400 with codes of
  their own, and one of them repeats the token in its message.
- Throttling comes as HTTP 500, and a firewall in front of the service answers with pages of its own.

    with Simulator() as daraja:
        daraja.fail("spike-arrest-500", times=2)
        mpesa = connect(..., base_url=daraja.base_url)

Other processes use `POST /simulator/faults` and the other doors of `mpesa_secrets.simulator.control`.
"""

from __future__ import annotations

from mpesa_secrets.simulator.faults import FAULTS
from mpesa_secrets.simulator.server import BusinessRequest, Simulator, TokenRequest

__all__ = ["FAULTS", "BusinessRequest", "Simulator", "TokenRequest"]
