"""``python -m shared.audit``."""

import sys

from shared.audit.command import main

sys.exit(main(sys.argv[1:]))
