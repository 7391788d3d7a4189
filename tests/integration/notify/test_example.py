"""The example of the tests' README: a record of routing becomes a mail."""

from tests.integration.notify.conftest import Start
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event


async def test_a_routed_report_alerts_its_centre(start: Start, sink: MailSink) -> None:
    harness = await start()
    await harness.routed(event("report.routed", 1, center="busan"))
    await eventually(lambda: [to for to, _ in sink.mails] == ["busan@duty.ieum.example"])
