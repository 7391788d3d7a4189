"""What is kept of callbacks, how long, and what is refused: the service over a store in memory."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.intake.callbacks import rules
from services.intake.callbacks.channel import CallbackChannel
from services.intake.callbacks.models import CallbackSubscription, StatusChange
from services.intake.callbacks.repository import PAGE, PageStart
from services.intake.callbacks.service import SWEPT, CallbackService
from services.intake.clients.models import Callback, Client
from services.intake.reports.documents import CALLBACK, CALLBACK_SINCE, FRONT_END
from services.intake.reports.models import State
from services.intake.reports.waiting_period import FOR_STATUS, WORD
from shared.errors import TransientError
from shared.events.cases import CaseAcknowledged, CaseClosed
from shared.events.vocabulary import Outcome
from shared.identity.roles import Scope
from shared.jobs import SkippedError
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock
from tests.support.keys import KEYS, OTHER_KEYS
from tests.support.waiting import eventually
from tests.unit.intake.callbacks.test_rules import document
from tests.unit.intake.clients.test_credentials import CLIENT
from tests.unit.intake.reports.test_rules import REPORT, T0, at, case, folded, routed

URL = "https://front.example.org/"
NEVER_ANSWERS = "https://hanging.example.org/"
NOW = at(60)
TOLD = replace(CLIENT, callback=Callback(URL, (1,), rules.code_of(KEYS.callbacks, CLIENT.client_id, URL, (1,))))


class Store:
    """Stands for ``CallbackRepository``."""

    def __init__(self) -> None:
        self.kept: dict[str, CallbackSubscription] = {}
        self.closed: list[str] = []
        self.marks: dict[str, datetime] = {}
        self.others = 0
        self.given_up: list[str] = []
        self.pages: list[PageStart] = []

    async def of_report(self, report_id: str) -> CallbackSubscription | None:
        return self.kept.get(report_id)

    async def begin(self, one: CallbackSubscription) -> None:
        self.kept.setdefault(one.report_id, one)

    async def note(self, before: CallbackSubscription, after: Mapping[str, Any], change: StatusChange | None) -> bool:
        pending = (*before.pending, change) if change else before.pending
        self.kept[before.report_id] = before.model_copy(update={**after, "pending": pending})
        return True

    async def close_report(self, report_id: str) -> None:
        self.closed.append(report_id)

    async def look_from(self, report_id: str, moment: datetime) -> None:
        self.marks[report_id] = moment

    async def forget(self, report_id: str) -> None:
        if (one := self.kept.get(report_id)) is not None and one.over and not one.pending:
            del self.kept[report_id]

    async def hush(self, one: CallbackSubscription) -> None:
        self.kept[one.report_id] = one.model_copy(update={"pending": ()})

    async def drop(self, report_id: str) -> None:
        self.kept.pop(report_id, None)

    async def count(self, _: str, most: int) -> int:
        return min(self.others, most)

    async def claim(self, *_: Any) -> bool:
        return True

    async def done(self, one: CallbackSubscription, attempt: Any, _: datetime) -> None:
        self.given_up.append(attempt.answer)
        self.kept[one.report_id] = one.model_copy(update={"pending": one.pending[1:]})

    async def failed(self, *_: Any) -> None:
        """It is tried again."""

    async def due(self, client_id: str, *_: Any) -> list[CallbackSubscription]:
        return [one for one in self.kept.values() if one.client == client_id and one.pending]

    async def open_reports(self, place: PageStart, _: datetime) -> tuple[list[str], PageStart | None]:
        self.pages.append(place)
        number = len(self.pages)
        return [f"{number}-{one}" for one in range(PAGE)], PageStart(T0 + timedelta(seconds=number))


class Channel(CallbackChannel):
    """Takes everything, but at one address never answers."""

    def __init__(self) -> None:
        super().__init__(())
        self.sent: list[bytes] = []
        self.hanging = 0
        self.takes = True

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[bool, str]:
        del headers
        if url == NEVER_ANSWERS:
            self.hanging += 1
            await asyncio.Event().wait()
        self.sent.append(body)
        return self.takes, "204" if self.takes else "500"


class World:
    def __init__(self, client: Client = TOLD) -> None:
        code = rules.reference_code(KEYS.callbacks, REPORT, CLIENT.client_id, "mine")
        asked = {"reference": "mine", "code": code}
        self.report = document(more={FRONT_END: CLIENT.client_id, CALLBACK: asked, CALLBACK_SINCE: T0})
        self.reports: dict[str, Any] = {REPORT: self.report}
        self.clients = {client.client_id: client}
        self.store, self.channel, self.clock = Store(), Channel(), ManualClock(NOW)
        store: Any = self.store
        self.service = CallbackService(store, self.read, self.all, self.channel, KEYS.callbacks, self.clock)

    async def read(self, report_id: str) -> Any:
        found = self.reports.get(report_id)
        if isinstance(found, Exception):
            raise found
        return found

    async def all(self) -> dict[str, Client]:
        return self.clients

    async def notice(self, report_id: str = REPORT) -> CallbackSubscription | None:
        self.service.hint(report_id)
        await self.service.notice()
        return self.store.kept.get(report_id)

    async def sent(self) -> list[str]:
        """Answers noted once all that waits was tried."""
        await self.service.round(TOLD, list(self.store.kept.values()))
        return self.store.given_up


async def test_what_is_noticed_is_kept_with_its_codes_and_told() -> None:
    world = World()
    kept = await world.notice()
    assert kept is not None
    assert [(one.sequence, one.state) for one in kept.pending] == [(1, State.IN_CONTACT)]
    assert await world.sent() == ["204"]
    assert b'"reference":"mine"' in world.channel.sent[0]


@pytest.mark.parametrize(
    "asked",
    [
        {"reference": "other", "code": rules.reference_code(KEYS.callbacks, REPORT, CLIENT.client_id, "mine")},
        {"reference": "mine", "code": rules.reference_code(KEYS.callbacks, REPORT, "other", "mine")},
        {"reference": "mine", "code": rules.reference_code(KEYS.callbacks, "other", CLIENT.client_id, "mine")},
        {"reference": "mine", "code": rules.reference_code(OTHER_KEYS.callbacks, REPORT, CLIENT.client_id, "mine")},
        {"reference": "mine"},
    ],
)
async def test_a_reference_that_intake_did_not_write_is_not_followed(asked: Any) -> None:
    world = World()
    world.report[CALLBACK] = asked
    assert await world.notice() is None
    assert world.store.closed == [REPORT]


async def test_what_waits_is_not_told_once_the_status_needs_the_word() -> None:
    world = World()
    assert (noticed := await world.notice()) is not None
    assert noticed.pending
    world.report |= {WORD: "hash", FOR_STATUS: True}
    await world.notice()
    await world.service.round(TOLD, await world.store.due(CLIENT.client_id))
    assert world.channel.sent == []


@pytest.mark.parametrize(
    "changed",
    [{"reference": "other"}, {"code": b""}, {"state": "closed"}, {"sequence": 7}, {"since": at(0)}, {"id": "again"}],
)
async def test_nothing_is_told_that_intake_did_not_write(changed: dict[str, Any]) -> None:
    world = World()
    kept = await world.notice()
    assert kept is not None
    if changed.keys() <= {"reference", "code"}:
        world.store.kept[REPORT] = kept.model_copy(update=changed)
    else:
        world.store.kept[REPORT] = kept.model_copy(update={"pending": (kept.pending[0].model_copy(update=changed),)})
    before = given_up()
    assert await world.sent() == ["not_authentic"]
    assert world.channel.sent == []
    assert given_up() == before + 1


async def test_what_a_front_end_did_not_take_for_too_long_is_given_up_and_counted() -> None:
    world = World()
    await world.notice()
    world.channel.takes = False
    before = given_up()
    assert await world.sent() == []
    assert given_up() == before
    await world.clock.advance(rules.GIVEN_UP_AFTER.total_seconds())
    assert await world.sent() == ["500"]
    assert given_up() == before + 1


def given_up() -> float:
    """What somebody is called by."""
    return REGISTRY.get_sample_value("ieum_intake_callbacks_total", {"outcome": "given_up"}) or 0.0


@pytest.mark.parametrize("client", [CLIENT, replace(TOLD, disabled=True), replace(TOLD, client_id="another")])
async def test_of_a_front_end_that_cannot_be_told_nothing_waits_and_nothing_outlives_the_erasure(
    client: Client,
) -> None:
    world = World(client)
    kept = await world.notice()
    assert kept is not None
    assert (kept.state, kept.pending) == (State.IN_CONTACT, ())
    # What was queued while it could be told goes with the report too.
    waiting = await World().notice()
    assert waiting is not None
    world.store.kept[REPORT] = waiting
    world.reports[REPORT] = {"_id": REPORT, "received_at": T0, "life": {"erased_at": at(20)}}
    assert await world.notice() is None


async def test_of_a_report_that_is_not_there_nothing_is_kept() -> None:
    world = World()
    await world.notice()
    del world.reports[REPORT]
    assert await world.notice() is None


async def test_a_sweep_goes_on_where_the_last_one_ended() -> None:
    world = World()
    await world.service.sweep()
    assert len(world.service._hints) == SWEPT
    world.service._hints.clear()
    await world.service.sweep()
    assert len(set(world.store.pages)) == 2 * SWEPT // PAGE


async def test_a_closed_report_is_looked_at_once_a_day_until_it_is_open_again() -> None:
    world = World()
    await world.notice()
    assert world.store.marks == {}
    closed = folded(routed(), case(CaseAcknowledged, 1, 3), case(CaseClosed, 2, 5, outcome=Outcome.SUPPORTED))
    world.report["progress"] = closed.model_dump()
    await world.notice()
    assert world.store.marks == {REPORT: NOW + rules.CLOSED_AGAIN}
    world.report[CALLBACK_SINCE] = world.store.marks.pop(REPORT)
    await world.notice()
    assert world.store.marks == {}
    world.report["progress"] = document()["progress"]
    await world.notice()
    assert world.store.marks == {REPORT: NOW}


async def test_a_front_end_for_drills_is_told_of_so_many_and_no_more() -> None:
    trial = replace(TOLD, scopes=frozenset({Scope.REPORTS_DRILL}))
    world = World(trial)
    world.store.others = rules.MOST_OF_DRILLS
    assert await world.notice() is None
    assert world.store.closed == [REPORT]
    world.store.others -= 1
    assert await world.notice() is not None


async def test_one_report_that_cannot_be_read_keeps_no_other_waiting() -> None:
    world = World()
    world.reports["broken"] = ValueError("unreadable")
    world.service.hint("broken")
    world.service.hint(REPORT)
    with pytest.raises(SkippedError):
        await world.service.notice()
    assert world.store.kept.keys() == {REPORT}
    await world.service.notice()  # it is not looked at again until something hints at it


async def test_while_the_store_is_away_what_was_hinted_at_stays() -> None:
    world = World()
    world.reports[REPORT] = TransientError("store: gone")
    world.service.hint(REPORT)
    with pytest.raises(TransientError):
        await world.service.notice()
    world.reports[REPORT] = world.report
    await world.service.notice()
    assert world.store.kept.keys() == {REPORT}


async def test_a_state_of_a_later_build_is_read_and_left_to_it() -> None:
    world = World()
    kept = await world.notice()
    assert kept is not None
    later = CallbackSubscription.model_validate(kept.model_dump(by_alias=True) | {"state": "of tomorrow"})
    world.store.kept[REPORT] = later
    assert await world.notice() == later


async def test_a_receiver_that_never_answers_keeps_no_other_waiting() -> None:
    world = World()
    code = rules.code_of(KEYS.callbacks, "hanging", NEVER_ANSWERS, (1,))
    hanging = replace(CLIENT, client_id="hanging", callback=Callback(NEVER_ANSWERS, (1,), code))
    asked = {"reference": "its", "code": rules.reference_code(KEYS.callbacks, "its report", "hanging", "its")}
    world.reports["its report"] = {**world.report, "_id": "its report", FRONT_END: "hanging", CALLBACK: asked}
    world.clients = {"hanging": hanging, **world.clients}  # it comes first
    assert await world.notice("its report")
    assert await world.notice()
    sending = asyncio.create_task(world.service.run())
    try:
        await eventually(lambda: world.store.given_up == ["204"])
        assert world.channel.hanging == 1
        assert b'"reference":"mine"' in world.channel.sent[0]
    finally:
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
