"""Keys, passphrases, and wrapping the keys of stored reports anew."""
