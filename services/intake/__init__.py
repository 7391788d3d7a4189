"""The intake service; see main for its wiring."""
