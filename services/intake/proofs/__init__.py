"""Proofs that a report was submitted, and checking one."""
