"""Enrolment: an invitation becomes an account with a password, a second factor and recovery codes."""
