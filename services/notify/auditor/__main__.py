"""``python -m services.notify.auditor``."""

from services.notify.auditor import main
from shared import process

process.run(main.run)
