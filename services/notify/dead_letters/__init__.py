"""Dead letters: records that no service could read, shown and mailed to central."""
