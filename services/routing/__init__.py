"""The routing service; see main for its wiring."""
