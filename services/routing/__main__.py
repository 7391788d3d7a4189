"""``python -m services.routing``, and the console script ``ieum-routing``."""

from typing import NoReturn

from services.routing import main
from shared import process


def command() -> NoReturn:
    """Run the service until it is asked to stop."""
    process.run(main.run)


if __name__ == "__main__":
    command()
