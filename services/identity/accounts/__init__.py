"""Accounts: who may sign in, their roles, and what administrators change."""
