"""What is kept of accounts; the only modules of theirs that know the store."""
