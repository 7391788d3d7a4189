"""``python -m services.intake.clients``."""

import sys

from services.intake.clients.cli import main
from shared import process

if __name__ == "__main__":
    process.run_command(lambda: main(sys.argv[1:]))
