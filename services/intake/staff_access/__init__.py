"""Reading and writing about a report by staff of the owning centre."""
