"""The identity service; see main for its wiring."""
