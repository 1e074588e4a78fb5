"""Contract suites that a plugin author inherits in their own tests."""
