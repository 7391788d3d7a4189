"""Signing keys: made, published, replaced."""
