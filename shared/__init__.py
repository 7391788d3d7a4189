"""Code that every service uses and no service owns. Imports nothing from ``services``."""

VERSION = "0.2.0"
"""As in ``pyproject.toml``; an image has the code and no installed package to ask."""
