"""The assignment rule: which center gets a report, and why. Pure. Read ``rules.assign`` first."""
