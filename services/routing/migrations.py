"""Steps of routing's store: ``python -m services.routing.migrations status | finish``."""

import sys
from typing import Final

from shared import process
from shared.migrations import Step, command, drop

STEPS: Final = (
    # Decision 12: the memory of workers up to 0.2.0. Since decision 26 it is on their disks.
    Step(1, "drop-snapshots", drop("snapshots", "snapshot_parts")),
)

if __name__ == "__main__":
    process.run_command(lambda: command("routing", STEPS, sys.argv[1:]))
