"""``python -m services.identity``, and the console script ``ieum-identity``."""

from typing import NoReturn

from shared import process


def command() -> NoReturn:
    """Run the service until it is asked to stop."""
    process.run_service("services.identity.main")


if __name__ == "__main__":
    command()
