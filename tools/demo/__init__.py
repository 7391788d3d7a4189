"""The demonstration: a bad week in half a minute, through the front doors, with an independent count at the end."""
