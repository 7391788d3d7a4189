"""A handler of notify, driven by records as they are on the wire."""

from services.notify.cases.consumers import consumers
from tests.support.driving import driving, publish, record_of
from tests.unit.notify.memory_service import Cases, routings_handler
from tests.unit.notify.samples import NOW, event


async def test_a_routed_report_becomes_one_case_however_often_its_record_comes() -> None:
    cases, record = Cases(), record_of(event("report.routed", 1, center="busan"), NOW)
    async with driving(consumers(routings_handler(cases, NOW))) as broker:
        await publish(broker, record, record)
    assert [(case.center_id, case.rev) for case in cases.kept.values()] == [("busan", 1)]
