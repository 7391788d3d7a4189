"""``python -m services.intake``."""

from services.intake import main
from shared import process

process.run(main.run)
