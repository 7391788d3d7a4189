"""What notify keeps in the document store."""
