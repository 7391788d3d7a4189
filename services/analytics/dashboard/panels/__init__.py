"""Panels of the dashboard, made from an edition of releases, in the reader's language."""
