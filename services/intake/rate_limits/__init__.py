"""How often one network may report or ask, and the work asked for beyond that."""
