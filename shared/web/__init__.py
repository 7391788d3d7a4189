"""Code shared by every page and every HTTP API."""
