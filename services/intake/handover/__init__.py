"""Handing a report over from whoever made it to the person it is about."""
