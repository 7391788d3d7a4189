"""What follows from an event: pure functions. ``stream`` turns events into routing records."""
