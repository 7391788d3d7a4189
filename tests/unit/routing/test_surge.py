"""While people wait in a backlog, work that can wait makes room: for as long as a batch takes, and a moment more."""

from collections.abc import Sequence

import pytest

from services.routing.record_encoding import Message
from services.routing.service import SURGE_RECORDS, SURGE_SECONDS, RoutingService
from tests.unit.routing.builders import received, report_id
from tests.unit.routing.fake_log import Place, received_record


class SlowLog:
    """A log that takes longer over each batch than a surge is expected to last."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.worker: RoutingService | None = None
        self.surging: list[bool] = []

    async def send(self, name: str, partition: int, messages: Sequence[Message], *, one_batch: bool) -> int:
        await self._place.clock.advance(10 * SURGE_SECONDS)
        assert self.worker is not None
        self.surging.append(self.worker.surging())
        return await self._place.routings.send(name, partition, messages, one_batch=one_batch)


@pytest.mark.parametrize(("reports", "surging"), [(SURGE_RECORDS, True), (SURGE_RECORDS - 1, False)])
async def test_a_surge_lasts_as_long_as_its_batch_and_a_moment_more(reports: int, surging: bool) -> None:
    place = Place()
    log = SlowLog(place)
    log.worker, _, _ = await place.worker(writer=log)
    await log.worker.handle([received_record(received(n), n) for n in range(reports)])
    assert log.surging == [surging]
    assert log.worker.surging() is surging
    await place.clock.advance(2 * SURGE_SECONDS)
    assert not log.worker.surging()
    assert report_id(0) in {event.report_id for event in place.routings.events()}
