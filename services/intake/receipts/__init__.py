"""What the holder of a receipt may ask and change."""
