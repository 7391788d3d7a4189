"""Turn events into routing records: pure functions. Read ``rules`` first."""
