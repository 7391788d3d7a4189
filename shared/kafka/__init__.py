"""The bus, wrapped once: batches in, records out, offsets after effects."""
