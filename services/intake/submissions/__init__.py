"""Reports as they come in: checked, sealed, stored with their first event."""
