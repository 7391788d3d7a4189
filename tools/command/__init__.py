"""``ieum``: one command for whoever runs, looks after or tries out Ieum.

Typer, not cyclopts: it comes from the makers of FastAPI, which this project stands on, and far more people keep it.
"""

from tools.command.app import main

__all__ = ["main"]
