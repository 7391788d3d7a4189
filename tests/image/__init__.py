"""The image, run as a cluster would: `make image`, then `make test-image`."""
