"""The notify service; see main for its wiring."""
