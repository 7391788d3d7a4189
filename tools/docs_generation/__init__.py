"""Writes what can be derived from the code: schemas, AsyncAPI, OpenAPI; ``--check`` compares instead of writing."""
