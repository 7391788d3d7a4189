"""Reports that belong together."""
