"""``python -m services.analytics``."""

from services.analytics.main import run
from shared.process import run as run_process

if __name__ == "__main__":
    run_process(run)
