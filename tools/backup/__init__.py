"""Backup and restore of everything that cannot be made again: stores, topics, offsets; keys apart from them."""
