"""Tries to undo what analytics publishes. Knows the published files and the rules as published; imports no service."""
