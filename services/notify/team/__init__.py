"""Rotas of a centre, and how much each person has: for its lead, and for handing over after a shift."""
