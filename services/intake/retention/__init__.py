"""How long a report is kept, and its destruction."""
