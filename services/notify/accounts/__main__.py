"""``python -m services.notify.accounts``."""

import sys

from services.notify.accounts.commands import main

sys.exit(main())
