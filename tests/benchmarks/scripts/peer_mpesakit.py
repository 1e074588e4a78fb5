"""A token by mpesakit, the pair out of the environment."""

import os

from mpesakit.auth import TokenManager  # type: ignore[import-not-found]
from mpesakit.http_client import MpesaHttpClient  # type: ignore[import-not-found]

client = MpesaHttpClient()
client.base_url = os.environ["MPESA_BASE_URL"]
pair = {"consumer_key": os.environ["MPESA_CONSUMER_KEY"], "consumer_secret": os.environ["MPESA_CONSUMER_SECRET"]}
print(len(TokenManager(**pair, http_client=client).get_token()))
