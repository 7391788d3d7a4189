"""Keys, passphrases, receipts, and wrapping the keys of stored reports anew."""
