"""``python -m services.analytics``, and the console script ``ieum-analytics``."""

from typing import NoReturn

from shared import process


def command() -> NoReturn:
    """Run the service until it is asked to stop."""
    process.run_service("services.analytics.main")


if __name__ == "__main__":
    command()
