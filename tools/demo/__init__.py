"""The demonstration: a bad week in half a minute through the public interfaces, counted independently."""
