"""``python -m services.notify``."""

from services.notify import main
from shared import process

process.run(main.run)
