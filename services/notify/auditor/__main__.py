"""``python -m services.notify.auditor``."""

from shared import process

process.run_service("services.notify.auditor.main")
