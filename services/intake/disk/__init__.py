"""The room on the store's disk."""
