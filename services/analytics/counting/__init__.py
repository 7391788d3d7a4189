"""Events into facts, facts into aggregates."""
