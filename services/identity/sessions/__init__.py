"""Sessions: begun, renewed, ended; their cookies."""
