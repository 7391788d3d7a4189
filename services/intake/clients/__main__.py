"""``python -m services.intake.clients``."""

import sys

from services.intake.clients.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
