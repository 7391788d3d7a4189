"""The analytics service; see main for its wiring."""
