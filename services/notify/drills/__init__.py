"""Drills: a synthetic report goes the whole way, from intake to a person, and every stage is measured."""
