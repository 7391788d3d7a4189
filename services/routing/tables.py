"""The tables routing decides with: those that ship with the code, or those of a folder given at start.

A folder with a fault is refused where it enters: named, counted, shown, and routing goes on with the packaged tables.
A report that waits for somebody to mend a table is a person who waits.
"""

from pathlib import Path

from services.routing import metrics
from shared import log
from shared.centers import PACKAGED, TABLES, TableSets, faults, from_folder
from shared.errors import FatalError

_log = log.get(__name__)


def take(folder: Path | None) -> TableSets:
    """The sets to decide and replay with. Raises ``FatalError`` if those of the package are not sound."""
    if found := faults(TABLES):
        raise FatalError(f"the tables of centres are not sound: {'; '.join(found)}")
    sets = PACKAGED if folder is None else from_folder(folder)
    if sets.faults:
        metrics.TABLES_REFUSED.inc()
        _log.error("routing.tables_refused", folder=str(folder), faults=list(sets.faults), in_force=TABLES.version)
    return sets


def word(sets: TableSets) -> str:
    """One line for whoever looks at the service's health: which tables are in force, and what was refused."""
    if not sets.faults:
        return f"version {sets.current.version}, {'from the folder given' if sets.given else 'as packaged'}"
    return f"version {sets.current.version}, as packaged; the folder given was refused: {'; '.join(sets.faults)}"
