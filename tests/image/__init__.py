"""The image, run as a cluster would; not collected by itself: ``pytest tests/image/started.py`` (CONTRIBUTING.md)."""
