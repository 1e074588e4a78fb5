"""Real servers on loopback for the tests: OpenBao, moto (AWS), Valkey, and a proxy that fails on request."""
