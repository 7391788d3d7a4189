"""Routing's API, its pages and the live view."""
