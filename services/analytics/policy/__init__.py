"""What may be published and how it is put together. Pure."""
