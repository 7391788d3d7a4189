"""Panels of the dashboard, made from the releases of a period, in the reader's language."""
