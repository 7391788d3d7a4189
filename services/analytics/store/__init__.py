"""Where analytics keeps facts, cells, offsets and publications."""
