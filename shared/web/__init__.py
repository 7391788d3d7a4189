"""What every page and every HTTP API shares."""
