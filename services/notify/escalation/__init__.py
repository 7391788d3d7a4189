"""Escalation: who is alerted when, until somebody answers; claiming, sending and recording what is due."""
