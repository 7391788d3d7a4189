"""Steps of notify's store: ``python -m services.notify.migrations status | finish``."""

import sys
from contextlib import suppress
from typing import Final

from pymongo.errors import OperationFailure

from shared import process
from shared.migrations import Database, Step, command, drop
from shared.mongo import store_errors

_FORMER_INDEXES: Final = frozenset({"wake_at", "copied_sort", "offered_to", "awaiting_since", "due_critical"})
"""Of cases, up to 0.2.0; each made every write of a case longer."""


async def _drop_former_indexes(database: "Database") -> None:
    cases = database["cases"]
    with store_errors():
        for name in sorted(_FORMER_INDEXES & (await cases.index_information()).keys()):
            with suppress(OperationFailure):  # another process that starts too was faster
                await cases.drop_index(name)


STEPS: Final = (
    Step(1, "drop-former-indexes", _drop_former_indexes, at_start=True),
    Step(2, "drop-findings", drop("findings", "auditor")),  # the auditor has a database of its own
)

if __name__ == "__main__":
    process.run_command(lambda: command("notify", STEPS, sys.argv[1:]))
