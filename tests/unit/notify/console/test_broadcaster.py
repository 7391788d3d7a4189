"""Live rows: newest wins, slow subscribers are sent away, whoever held a case sees it leave."""

import contextlib
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import orjson
import pytest

from services.notify.cases.models import Case, OfferEnd, PastOffer
from services.notify.console.broadcaster import ConsoleBroadcaster, ConsoleSubscriber
from services.notify.console.feed import ConsoleFeed
from services.notify.console.rows import StreamRows, entry_of, message
from services.notify.escalation.rules import Rules
from shared.centers import CENTER_IDS
from shared.errors import TransientError
from shared.events.base import Event
from shared.jobs import Skipped
from shared.kafka.router import Received
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock
from tests.unit.notify.cases.test_projection import folded, taken
from tests.unit.notify.samples import NOW, event, stream


def stream_rows(subscriber: ConsoleSubscriber, cases: list[Case], now: datetime) -> StreamRows:
    """The message as a client reads it."""
    told = message(subscriber, cases, now, lambda case, section: orjson.dumps(entry_of(case, section)), {"last": True})
    assert orjson.loads(told)["last"] is True
    return StreamRows.model_validate_json(told)


async def test_only_newer_rows_are_given_and_a_burst_becomes_one() -> None:
    hub = ConsoleBroadcaster()
    events = stream()
    old, new = folded(events[:1]), folded(events[:2])
    with hub.subscribe("gwangju") as subscriber:
        hub.publish([new, old])
        rows, notice = await subscriber.take(0.5)
        assert rows == [new]
        assert not notice
        hub.publish([new])
        assert await subscriber.take(0.01) == ([], False)
    assert hub.subscriber_count == 0


async def test_other_centres_hear_nothing_until_they_once_held_the_case() -> None:
    hub = ConsoleBroadcaster()
    events = stream()
    with hub.subscribe("gwangju") as before, hub.subscribe("daegu") as never, hub.subscribe("central") as central:
        hub.publish([folded(events[:1])])
        assert (await before.take(0.5))[0]
        assert await never.take(0.01) == ([], False)
        hub.publish([folded(events[:3])])
        rows, _ = await before.take(0.5)
        message = stream_rows(before, rows, NOW)
        assert (message.rows, len(message.gone)) == ([], 1)
        rows, _ = await central.take(0.5)
        assert len(stream_rows(central, rows, NOW).rows) == 1
        hub.publish([taken(folded(events[:3]))])
        rows, _ = await central.take(0.5)
        assert len(stream_rows(central, rows, NOW).gone) == 1


async def test_a_third_centre_never_hears_of_a_case_however_it_goes() -> None:
    hub = ConsoleBroadcaster()
    events = stream()
    cases = [folded(events[:number]) for number in range(1, len(events) + 1)]
    moved = next(case for case in cases if case.ownership > 1)
    offer = PastOffer(offer_id="o", from_center_id="busan", to_center_id="jeju", how=OfferEnd.DECLINED, at=NOW)
    last = cases[-1].rev
    cases += [
        moved.model_copy(update={"rev": last + 1, "offered_to": "jeju"}),
        moved.model_copy(update={"rev": last + 2, "past_offer": offer}),
    ]
    heard: dict[str, int] = {}
    with contextlib.ExitStack() as open_:
        consoles = [open_.enter_context(hub.subscribe(center)) for center in (*CENTER_IDS, "central")]
        for case in cases:
            hub.publish([case])
            for console in consoles:
                rows, _ = await console.take(0.001)
                heard[console.center_id] = heard.get(console.center_id, 0) + len(rows)
    # Gwangju had it first, Busan has it, Jeju was offered it.
    assert {center for center, count in heard.items() if count} == {"gwangju", "busan", "jeju", "central"}
    assert (heard["jeju"], heard["central"]) == (2, len(cases))
    assert heard["gwangju"] == cases.index(moved) + 1, "and nothing after it has left"


async def test_who_had_a_case_or_an_offer_hears_nothing_of_it_once_it_has_left() -> None:
    hub = ConsoleBroadcaster()
    case = folded(stream()[:3])
    declined = PastOffer(offer_id="o", from_center_id="busan", to_center_id="jeju", how=OfferEnd.DECLINED, at=NOW)
    left = case.model_copy(update={"rev": case.rev + 1, "past_offer": declined})
    with hub.subscribe("gwangju") as former, hub.subscribe("jeju") as declining:
        hub.publish([left])
        for console in (former, declining):
            assert len((await console.take(0.5))[0]) == 1, "nobody knows what they show"
        hub.publish([left.model_copy(update={"rev": left.rev + more}) for more in (1, 2)])
        for console in (former, declining):
            assert await console.take(0.001) == ([], False)


async def test_who_held_a_case_between_two_changes_that_come_at_once_sees_it_leave() -> None:
    hub = ConsoleBroadcaster()
    first = folded(stream()[:1])
    later = {"rev": first.rev + 9, "ownership": 3, "former": ("gwangju", "daegu"), "center_id": "busan"}
    offered = first.model_copy(update={"rev": first.rev + 1, "offered_to": "jeju"})
    hub.publish([offered])
    names = ("gwangju", "daegu", "jeju", "ulsan")
    with contextlib.ExitStack() as open_:
        consoles = [open_.enter_context(hub.subscribe(name)) for name in names]
        hub.publish([first.model_copy(update=later), offered.model_copy(update={"rev": first.rev + 5})])
        told = [len((await console.take(0.001))[0]) for console in consoles]
    assert dict(zip(names, told, strict=True)) == {"gwangju": 1, "daegu": 1, "jeju": 1, "ulsan": 0}


async def test_a_row_nobody_took_yet_is_replaced_by_news_that_it_left() -> None:
    hub = ConsoleBroadcaster()
    case = folded(stream()[:2])
    with hub.subscribe("jeju") as asked:
        hub.publish([case.model_copy(update={"rev": case.rev + 1, "offered_to": "jeju"})])
        hub.publish([case.model_copy(update={"rev": case.rev + 2, "offered_to": "daegu"})])
        rows, _ = await asked.take(0.5)
        message = stream_rows(asked, rows, NOW)
        assert (message.rows, len(message.gone)) == ([], 1)


async def test_a_subscriber_that_falls_behind_is_sent_away() -> None:
    hub = ConsoleBroadcaster(backlog=10)
    with hub.subscribe("central") as subscriber:
        hub.publish([folded([event("report.routed", n)]) for n in range(12)])
        await subscriber.take(0.5)
        assert subscriber.too_slow


async def test_who_was_shown_a_case_early_needs_no_second_row_and_who_came_later_gets_one() -> None:
    hub = ConsoleBroadcaster()
    case = folded(stream()[:1])
    with hub.subscribe("gwangju") as before, hub.subscribe("jeju") as elsewhere:
        hub.announce(case)
        assert [one.rev for one in (await before.take(0.5))[0]] == [0]
        with hub.subscribe("gwangju") as after:
            hub.publish([case])
            assert [one.rev for one in (await after.take(0.5))[0]] == [case.rev]
            assert await before.take(0.01) == ([], False)
            hub.publish([taken(case)])
            assert [one.state for one in (await before.take(0.5))[0]] == ["acknowledged"]
        assert await elsewhere.take(0.01) == ([], False)
    assert not hub.early(case.report_id)


async def test_where_the_store_says_otherwise_an_early_row_is_replaced_or_leaves() -> None:
    hub = ConsoleBroadcaster()
    shown = folded(stream()[:1])
    renamed, elsewhere = (shown.model_copy(update=change) for change in ({"alias": "다른-0001"}, {"center_id": "jeju"}))
    for stored, stays in ((renamed, True), (elsewhere, False)):
        hub = ConsoleBroadcaster()
        with hub.subscribe("gwangju") as subscriber:
            hub.announce(shown)
            assert len((await subscriber.take(0.5))[0]) == 1
            hub.publish([stored])
            message = stream_rows(subscriber, (await subscriber.take(0.5))[0], NOW)
            assert ([row.alias for row in message.rows], len(message.gone)) == (
                ([stored.alias], 0) if stays else ([], 1)
            )


async def test_a_case_that_is_known_is_not_announced() -> None:
    hub = ConsoleBroadcaster()
    case = folded(stream()[:2])
    with hub.subscribe("gwangju") as subscriber:
        hub.publish([case])
        assert len((await subscriber.take(0.5))[0]) == 1
        hub.announce(folded(stream()[:1]))
        assert await subscriber.take(0.01) == ([], False)
        assert not hub.early(case.report_id)


async def test_a_feed_that_cannot_remember_what_changed_has_every_console_load_its_list_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.notify.console.feed._BACKLOG", 3)
    hub = ConsoleBroadcaster()
    feed = ConsoleFeed(cast("Any", None), hub, ManualClock(NOW + timedelta(hours=1)), Rules())
    with hub.subscribe("gwangju") as one, hub.subscribe("jeju") as other:
        for number in range(3):
            feed.note(received(event("report.routed", number)))
        assert [each.too_slow for each in (one, other)] == [False, False]
        hub.announce(folded(stream()[:1]))
        assert unstored() == 1
        feed.note(received(event("report.routed", 3)))
        assert [each.too_slow for each in (one, other)] == [True, True]
        assert unstored() == 0, "nobody asks the store about it any more, and no console shows it"


async def test_what_changed_while_the_store_was_away_is_shown_when_it_is_back() -> None:
    events, clock, hub = stream()[:2], ManualClock(NOW), ConsoleBroadcaster()
    case = folded(events)

    class Store:
        answers: dict[str, Case] | None = None

        async def load(self, report_ids: list[str], skipped: Skipped) -> dict[str, Case]:
            del report_ids, skipped
            if self.answers is None:
                raise TransientError("store: away")
            return self.answers

    store = Store()
    feed = ConsoleFeed(cast("Any", store), hub, clock, Rules())
    with hub.subscribe("gwangju") as subscriber:
        feed.note(received(events[1]))
        with pytest.raises(TransientError):
            await feed.catch_up()
        await clock.advance(600)
        store.answers = {}
        await feed.pass_once(Skipped("console"), {case.report_id})
        store.answers = {case.report_id: case}
        await feed.catch_up()
        assert (await subscriber.take(0.01))[0] == [case]
        feed.note(received(stream()[2]))
        await feed.pass_once(Skipped("console"), {case.report_id})
        await clock.advance(31)
        await feed.catch_up()  # ends: what the store does not say within half a minute of its first answer is given up


async def test_the_first_console_to_open_is_told_of_what_had_just_passed_by() -> None:
    """Its list may have been read before another process wrote the case."""
    clock, hub, made = ManualClock(NOW), ConsoleBroadcaster(), [event("report.routed", number) for number in (1, 2)]
    read: list[list[str]] = []

    class Store:
        async def load(self, report_ids: list[str], skipped: Skipped) -> dict[str, Case]:
            del skipped
            read.append(report_ids)
            return {each.report_id: folded([each]) for each in made if each.report_id in report_ids}

    feed = ConsoleFeed(cast("Any", Store()), hub, clock, Rules())
    feed.note(received(made[0]))
    await clock.advance(31)
    feed.note(received(made[1]))
    await feed.catch_up()
    assert not feed.something.is_set()
    assert read == [], "nobody listens"
    with hub.subscribe("gwangju") as subscriber:
        await feed.catch_up()
        assert [case.report_id for case in (await subscriber.take(0.01))[0]] == [made[1].report_id]
        await feed.catch_up()
    assert read == [[made[1].report_id]], "what is half a minute old was written long ago"


async def test_what_comes_while_others_wait_is_read_only_once_its_own_handler_had_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub, (first, second) = ConsoleBroadcaster(), [event("report.routed", number) for number in (1, 2)]
    read: list[list[str]] = []

    class Store:
        async def load(self, report_ids: list[str], skipped: Skipped) -> dict[str, Case]:
            del skipped
            read.append(report_ids)
            return {first.report_id: folded([first])}

    feed = ConsoleFeed(cast("Any", Store()), hub, ManualClock(NOW), Rules())
    meanwhile = iter(("second comes", "second is shown"))

    async def wait(_: float) -> None:
        if next(meanwhile) == "second comes":
            feed.note(received(second))
        else:
            hub.publish([folded([second])])

    with hub.subscribe("gwangju"):
        feed.note(received(first))
        monkeypatch.setattr("services.notify.console.feed.asyncio", SimpleNamespace(sleep=wait))
        await feed.catch_up()
    assert read == [[first.report_id]]


def unstored() -> float | None:
    return REGISTRY.get_sample_value("ieum_notify_unstored_cases")


def received(made: Event) -> Received:
    return cast("Received", SimpleNamespace(event=made, envelope=SimpleNamespace(traceparent="")))
