"""A row is made once for all who may see the same, and anew once it changed, or after a second."""

from functools import partial
from itertools import chain, combinations
from typing import Any, cast

import orjson
import pytest

from services.notify.console.rows import Rows, RowView, view_of
from services.notify.team.directory import StaffDirectory
from shared.centers import CENTER_IDS
from shared.identity.principal import Principal
from shared.identity.roles import ORGANISATIONS, Action, StaffRole
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
    rows = Rows(cast("Any", Still(clock)), Nameless())
    kim, lee = (TestIdentity(clock).principal("gwangju", "counsellor", subject=subject) for subject in ("kim", "lee"))
    assert view_of(kim, "gwangju", "ko") == view_of(lee, "gwangju", "ko")
    case = acknowledged(sort_key="20")
    entry = partial(rows.entry, RowView("gwangju"))
    first = entry(case, "cases")
    assert entry(case, "cases") is first
    assert orjson.loads(first)["section"] == "cases"
    assert orjson.loads(entry(case, "offers"))["section"] == "offers"
    newer = case.model_copy(update={"rev": case.rev + 1, "unread": True})
    assert orjson.loads(entry(newer, "cases"))["unread"] is True
    await clock.advance(2)
    again = entry(case, "cases")
    assert again is not first
    assert again == first
    assert len(rows._made) == 1, "what is not fresh is not kept"


@pytest.mark.parametrize("organisation", ORGANISATIONS)
def test_a_row_offers_exactly_what_its_reader_may_do(organisation: str) -> None:
    for roles in chain.from_iterable(combinations(StaffRole, count) for count in (1, 2)):
        who = Principal("s-1", organisation, frozenset(roles), "session", NOW, NOW)
        view = view_of(who, "gwangju", "ko")
        for action in (Action.CASES_ACKNOWLEDGE, Action.DETAILS_OPEN, Action.TRANSFERS_ANSWER):
            for whose in (*CENTER_IDS, "central"):
                assert view.may(action.value, whose) == who.may(action, whose), (roles, action, whose)
