"""``python -m shared.audit``."""

import sys

from shared import process
from shared.audit.command import main

process.run_command(lambda: main(sys.argv[1:]))
