"""Intake's documents: how they are made, accepted in groups, looked up and kept up to date."""
