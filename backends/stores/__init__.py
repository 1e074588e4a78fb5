"""Stores: a file or a folder each."""
