"""``python -m services.routing``, and the console script ``ieum-routing``."""

from typing import NoReturn

from shared import process


def command() -> NoReturn:
    """Run the service until it is asked to stop."""
    process.run_service("services.routing.main")


if __name__ == "__main__":
    command()
