"""Which center gets a report, and why: pure functions. Read ``rules.assign`` first."""
