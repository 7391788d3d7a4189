"""Released tables as files: CSV with CSVW, JSON, Parquet, PDF, and the codebook."""
