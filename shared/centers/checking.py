"""``ieum tables FOLDER``: whether a folder of tables would be taken, and every fault if not.

Ends with 1 where it would be refused. Nothing is changed.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from shared.centers.model import Catchment, Tables
from shared.centers.sets import from_folder
from shared.centers.tables import TABLES


def main(folder: Path) -> int:
    """Print the faults, or what the folder would change; the exit status."""
    sets = from_folder(folder)
    for fault in sets.faults:
        sys.stdout.write(f"{fault}\n")
    if sets.faults:
        sys.stdout.write(f"refused: {len(sets.faults)} faults; the tables of version {TABLES.version} stay in force\n")
        return 1
    for change in changes(TABLES, sets.current):
        sys.stdout.write(f"{change}\n")
    sys.stdout.write(f"sound: version {sets.current.version}; known versions: {', '.join(sorted(sets.known))}\n")
    return 0


def changes(before: Tables, after: Tables) -> Iterator[str]:
    """The differences from before, to compare with the intended change."""
    for slug in sorted(after.divisions.keys() | before.divisions.keys()):
        if after.divisions.get(slug) != before.divisions.get(slug):
            yield f"changed: the division {slug}"
    for center_id, center in sorted(after.centers.items()):
        known = before.centers[center_id]
        for kind, was, now in (("land", known.land, center.land), ("sea_air", known.sea_air, center.sea_air)):
            yield from (f"new: {center_id} reaches {other} by {kind}" for other in sorted({*now} - {*was}))
            yield from (f"gone: {center_id} reaches {other} by {kind}" for other in sorted({*was} - {*now}))
        if (center.staff, center.phones, center.name_ko) != (known.staff, known.phones, known.name_ko):
            yield f"changed: name, staff or phones of the centre {center_id}"
    yield from (f"new: {_told(c)}" for c in after.catchments if c not in before.catchments)
    yield from (f"gone: {_told(c)}" for c in before.catchments if c not in after.catchments)


def _told(c: Catchment) -> str:
    part = f"{len(c.districts)} districts of " if c.districts is not None else "the rest of " if c.rest else ""
    asked = f", asking {', '.join(c.near)} first" if c.near else ""
    span = [f"from {c.valid_from}" if c.valid_from else "", f"until {c.valid_to}" if c.valid_to else ""]
    when = " ".join(filter(None, span)) or "for ever"
    return f"{part}{c.division} at {c.center or 'no centre'}{asked}, {when}"
