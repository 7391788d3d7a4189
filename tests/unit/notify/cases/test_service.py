"""What the desk passes to the decisions about the work on a case."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notify.cases.commands import ACKNOWLEDGE, CONTACT, AcknowledgeRequest, ContactRequest
from services.notify.cases.models import ContactWay
from services.notify.cases.projection import fold
from services.notify.cases.rules import Rejected
from services.notify.cases.service import CommandResult
from services.notify.cases.tickets import Tickets
from services.notify.escalation.rules import ALWAYS
from shared.errors import TransientError
from shared.identity.roles import Action
from shared.identity.tokens import Purpose, TicketKey
from shared.metrics import REGISTRY
from tests.support.clock import ManualClock
from tests.support.staff import TICKET_KEY
from tests.unit.notify.cases.samples import KIM
from tests.unit.notify.escalation.test_second_deadline import taken
from tests.unit.notify.memory_service import Cases, desk_of, staff
from tests.unit.notify.samples import TRACE, event, report_id

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


async def test_how_long_a_case_waited_for_somebody_is_measured_once() -> None:
    """By it somebody is called who must see that cases are acknowledged in time."""

    def measured() -> list[float]:
        name, labels = "ieum_notify_owned_to_acknowledged_seconds", {"urgency": "critical"}
        return [REGISTRY.get_sample_value(f"{name}_{what}", labels) or 0 for what in ("count", "sum")]

    decided = EVENING - timedelta(minutes=3)
    case = fold(None, event("report.routed", urgency="critical", decided_at=decided), TRACE, ALWAYS, decided)
    assert case is not None
    desk = desk_of(Cases(case), EVENING)
    count, seconds = measured()
    for _ in range(2):
        done = await desk.run(staff(KIM), report_id(1), ACKNOWLEDGE, AcknowledgeRequest(ownership=1))
        assert done is not None
        assert done.rejected is None
    assert measured() == [count + 1, seconds + 180]


async def test_a_case_that_consoles_show_and_the_store_lacks_is_asked_for_again_and_not_called_another_centres() -> (
    None
):
    desk = desk_of(Cases(), EVENING)
    case = taken("critical", EVENING, ALWAYS)
    body = AcknowledgeRequest(ownership=1)
    assert await desk.run(staff(KIM), report_id(1), ACKNOWLEDGE, body) is None
    desk._broadcaster.announce(case)
    with pytest.raises(TransientError, match="not there yet"):
        await desk.run(staff(KIM), report_id(1), ACKNOWLEDGE, body)


async def test_no_ticket_is_given_to_a_case_that_is_withdrawn_while_its_line_in_the_audit_is_written() -> None:
    case = taken("critical", EVENING, ALWAYS)
    cases = Cases(case)
    withdrawn = fold(case, event("report.ended", version=2, reason="withdrawn"), TRACE, ALWAYS, EVENING)
    assert withdrawn is not None

    async def audit(
        action: Action, report_id: str | None, why: str | None, purpose: str | None = None, **detail: str
    ) -> None:
        del action, report_id, why, purpose, detail
        cases.kept[case.report_id] = withdrawn

    tickets = Tickets(desk_of(cases, EVENING), TicketKey(TICKET_KEY), ManualClock(EVENING))
    given = await tickets.issue(staff(KIM), case.report_id, 1, Purpose.FIRST_CONTACT, audit=audit)
    assert given == CommandResult(withdrawn, Rejected.WITHDRAWN)
    assert cases.kept[case.report_id] == withdrawn
