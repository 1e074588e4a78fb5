"""The local token server."""
