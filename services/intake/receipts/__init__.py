"""Requests of a receipt's holder."""
