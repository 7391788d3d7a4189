"""What the desk passes to the decisions about the work on a case."""

from datetime import UTC, datetime

from services.notify.cases.commands import CONTACT, ContactRequest
from services.notify.cases.models import ContactWay
from services.notify.escalation.rules import ALWAYS
from tests.unit.notify.cases.samples import KIM
from tests.unit.notify.escalation.test_second_deadline import taken
from tests.unit.notify.memory_service import Cases, desk_of, staff
from tests.unit.notify.samples import report_id

EVENING = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)
"""23:00 in Seoul; a day later, when the first contact of a normal case is due again, it is night as well."""
MORNING = datetime(2026, 11, 25, 22, 0, tzinfo=UTC)


async def test_quiet_hours_hold_the_first_contact_alert_after_a_failed_attempt() -> None:
    cases = Cases(taken("normal", EVENING, ALWAYS))
    tried = ContactRequest(ownership=1, way=ContactWay.CAME_TO_US, reached=False)
    done = await desk_of(cases, EVENING).run(staff(KIM), report_id(1), CONTACT, tried)
    assert done is not None
    assert done.rejected is None
    ladder = cases.kept[report_id(1)].escalation
    assert ladder is not None
    assert (ladder.held, ladder.due_at) == (True, MORNING)
