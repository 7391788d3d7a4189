"""Live rows: newest wins, slow listeners are sent away, whoever held a case sees it leave."""

from services.notify.hub import Hub
from services.notify.views import stream_rows
from tests.unit.notify.samples import NOW, event, stream
from tests.unit.notify.test_projection import folded, taken


async def test_only_newer_rows_are_given_and_a_burst_becomes_one() -> None:
    hub = Hub()
    events = stream()
    old, new = folded(events[:1]), folded(events[:2])
    with hub.listen("gwangju") as listener:
        hub.publish([new, old])
        rows, notice = await listener.take(0.5)
        assert rows == [new]
        assert not notice
        hub.publish([new])
        assert await listener.take(0.01) == ([], False)
    assert hub.listening == 0


async def test_other_centres_hear_nothing_until_they_once_held_the_case() -> None:
    hub = Hub()
    events = stream()
    with hub.listen("gwangju") as before, hub.listen("daegu") as never, hub.listen("central") as central:
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


async def test_a_listener_that_falls_behind_is_sent_away() -> None:
    hub = Hub(backlog=10)
    with hub.listen("central") as listener:
        hub.publish([folded([event("report.routed", n)]) for n in range(12)])
        await listener.take(0.5)
        assert listener.too_slow
