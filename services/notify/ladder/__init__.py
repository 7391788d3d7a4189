"""One pass of the ladder: which letters are due, to which places, as which messages, and what came of them."""
