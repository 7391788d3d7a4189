"""``python -m services.routing``."""

from services.routing.main import run
from shared import process

if __name__ == "__main__":
    process.run(run)
