"""Turn events into routing records: pure functions. Read ``stream`` first."""
