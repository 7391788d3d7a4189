"""``python -m services.intake``, and the console script ``ieum-intake``."""

from typing import NoReturn

from shared import process


def command() -> NoReturn:
    """Run the service until it is asked to stop."""
    process.run_service("services.intake.main")


if __name__ == "__main__":
    command()
