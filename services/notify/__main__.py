"""``python -m services.notify``, and the console script ``ieum-notify``."""

from typing import NoReturn

from shared import process


def command() -> NoReturn:
    """Run the service until it is asked to stop."""
    process.run_service("services.notify.main")


if __name__ == "__main__":
    command()
