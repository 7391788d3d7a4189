"""A row is made once for all who may see the same, and anew once it changed, or after a second."""

from typing import Any

import orjson

from services.notify.console.rows import Rows
from services.notify.team.directory import StaffDirectory
from tests.support.clock import ManualClock
from tests.support.staff import TestIdentity
from tests.unit.notify.cases.samples import acknowledged
from tests.unit.notify.samples import NOW


class Nameless(StaffDirectory):
    """A directory that knows nobody."""

    def __init__(self) -> None:
        self._staff = {}


class Still:
    """Pages as far as a row without HTML needs them."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock


async def test_a_row_is_shared_while_it_is_fresh() -> None:
    clock = ManualClock(NOW)
    some: Any = (Still(clock), None)
    rows = Rows(some[0], Nameless())
    kim, lee = (TestIdentity(clock).principal("gwangju", "counsellor", subject=subject) for subject in ("kim", "lee"))
    case = acknowledged(sort_key="20")

    def entry(who: Any, of: Any, section: Any = "cases") -> bytes:
        return rows.entry(some[1], who, of, "gwangju", section, html=False)

    first = entry(kim, case)
    assert entry(lee, case) is first
    assert orjson.loads(first)["section"] == "cases"
    assert orjson.loads(entry(kim, case, "offers"))["section"] == "offers"
    newer = case.model_copy(update={"rev": case.rev + 1, "unread": True})
    assert orjson.loads(entry(lee, newer))["unread"] is True
    await clock.advance(2)
    again = entry(kim, case)
    assert again is not first
    assert again == first
    assert len(rows._made) == 1, "what is not fresh is not kept"
