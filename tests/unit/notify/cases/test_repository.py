"""What a write of a case says: what changed and nothing else, so that it touches no index that it need not."""

from datetime import timedelta
from typing import Any, cast

import pytest
from pymongo import UpdateOne
from pymongo.errors import AutoReconnect

from services.notify.cases.models import Case, EntryKind, Target, TimelineEntry, noted, rescheduled
from services.notify.cases.projection import fold
from services.notify.cases.repository import CaseStore, Change, write_of
from services.notify.cases.rules import Accepted, Actor, acknowledge
from services.notify.escalation.rules import ALWAYS, AttemptResult, plan, record
from services.notify.team.repository import nominal
from shared.errors import TransientError
from tests.unit.notify.samples import NOW, TRACE, event

INDEXED = {"center_id", "sort_key", "received_at", "alias", "wake_at", "copy_central", "assignee", "offered_to"}


def routed() -> Case:
    case = fold(None, event("report.routed", 1), TRACE, ALWAYS, NOW)
    assert case is not None
    return case


def written(before: Case, after: Case) -> dict[str, Any]:
    write = write_of(Change(after, before), "mark", NOW)
    assert isinstance(write, UpdateOne)
    update = write._doc  # pymongo says it no other way
    assert isinstance(update, dict)
    return update


def stored(case: Case) -> dict[str, Any]:
    return {name: value for name, value in case.model_dump(by_alias=True).items() if value is not None}


def applied(document: dict[str, Any], update: dict[str, Any]) -> Case:
    """The case as a store has it after an update."""
    after = {**document, **update.get("$set", {})}
    for name in update.get("$unset", {}):
        after.pop(name, None)
    for name, pushed in update.get("$push", {}).items():
        after[name] = [*after.get(name, ()), *pushed["$each"]]
    return Case.model_validate(after)


def alerted(case: Case) -> Case:
    made = plan(case, nominal(case.center_id), NOW)
    assert made is not None
    told = [AttemptResult(target, f"alert-{target}", ok=True) for target in (Target.DUTY,)]
    return record(case, made, told, ALWAYS, NOW)[0]


def test_an_alert_writes_its_timer_and_its_line_and_no_key_of_another_index() -> None:
    case = routed()
    after = alerted(case)
    update = written(case, after)
    assert INDEXED & {*update["$set"], *update.get("$unset", {})} == {"wake_at"}
    assert len(update["$push"]["entries"]["$each"]) == 1
    assert applied(stored(case), update) == after


def test_an_acknowledgement_is_read_back_as_it_was_decided() -> None:
    case = alerted(routed())
    done = acknowledge(case, Actor("s-1", case.center_id), case.ownership, NOW + timedelta(minutes=1), ALWAYS)
    assert isinstance(done, Accepted)
    update = written(case, done.case)
    assert not {"harm_types", "alias", "decided_at"} & update["$set"].keys()
    assert applied(stored(case), update) == done.case


def test_what_is_none_any_more_is_taken_off_and_its_index_forgets_the_case() -> None:
    case = routed()
    after = rescheduled(case.model_copy(update={"escalation": None, "rev": case.rev + 1}))
    update = written(case, after)
    assert set(update["$unset"]) == {"ladder", "wake_at"}
    assert applied(stored(case), update) == after


def test_a_timeline_that_was_shortened_is_written_whole() -> None:
    case = routed()
    line = TimelineEntry(at=NOW, kind=EntryKind.AMENDED, center_id=case.center_id)
    full = noted(case, *[line] * 120)
    after = noted(full.model_copy(update={"rev": full.rev + 1}), line.model_copy(update={"reason": "last"}))
    update = written(full, after)
    assert "entries" in update["$set"]
    assert applied(stored(full), update) == after


class Collection:
    """A collection that may be away when it is written to."""

    matched_count = 1

    def __init__(self) -> None:
        self.away = False

    def __getitem__(self, _: str) -> "Collection":
        return self

    async def bulk_write(self, *_: object, **__: object) -> "Collection":
        if self.away:
            raise AutoReconnect("gone")
        return self


async def test_whoever_sends_alerts_is_told_of_each_state_that_is_written_or_may_be() -> None:
    collection, told = Collection(), list[Case]()
    store = CaseStore(cast("Any", collection))
    store.on_written = told.extend
    case = routed()
    after = alerted(case)
    await store.save([Change(after, case)], NOW)
    assert told == [after]
    collection.away = True
    with pytest.raises(TransientError):
        await store.save([Change(after, case)], NOW)
    assert told == [after, after], "the store may have written it all the same"
