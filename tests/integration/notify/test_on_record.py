"""Who closes a centre or puts a dead record aside stands in the audit first, or it does not happen."""

import pytest

from services.notify.dead_letters.service import dead_letter_of
from shared.audit.model import AuditEntry
from shared.audit.queries import AuditReader, Filter
from shared.errors import TransientError
from shared.events.vocabulary import CenterState
from tests.integration.notify.conftest import NotifyHarness, Start
from tests.support.mail import MailSink

CLOSED = {"state": "closed", "staff_on_duty": 0}
ORIGIN = "reports.dead/0/7"


async def lines(harness: NotifyHarness, action: str) -> list[tuple[str | None, str | None, dict[str, str]]]:
    """Who did it, oldest first."""
    page, _ = await AuditReader(harness.notify.audit).page(Filter(action=action))
    return [(line.actor, line.organisation, dict(line.detail)) for line in reversed(page)]


async def ask_all(harness: NotifyHarness) -> list[int]:
    """Close Busan by the API, Daegu by its page, and put the dead record aside."""
    lead, desk = harness.staff("central", "lead", subject="s-lead"), harness.staff("daegu", "lead", subject="s-daegu")
    return [
        (await harness.http.put("/api/v1/centers/busan/duty", json=CLOSED, auth=lead)).status_code,
        (await harness.http.post("/centers/daegu/duty", data=CLOSED, auth=desk)).status_code,
        (await harness.http.post("/dead/read", data={"origin": ORIGIN, "letter": 7}, auth=lead)).status_code,
    ]


async def states(harness: NotifyHarness) -> list[object]:
    unread = [record.origin for record in await harness.notify.dead_letter_store.unread()]
    return [*[(await harness.notify.centers.get(center)).state for center in ("busan", "daegu")], *unread]


async def test_duty_and_dead_records_are_on_record_or_stay_as_they_are(
    start: Start, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    del sink
    harness = await start()
    await harness.notify.dead_letter_store.add(dead_letter_of("reports", 0, 7, (), harness.clock))

    async def broken(*entries: AuditEntry) -> None:
        raise TransientError(f"{len(entries)} lines could not be written")

    with monkeypatch.context() as away:
        away.setattr(type(harness.notify.audit), "append", staticmethod(broken))
        assert await ask_all(harness) == [503, 503, 503]
        assert await states(harness) == [CenterState.OPEN, CenterState.OPEN, ORIGIN]
    for _ in range(2):  # the same again changes nothing and is no line of its own
        assert await ask_all(harness) == [200, 303, 303]
    assert await states(harness) == [CenterState.CLOSED, CenterState.CLOSED]
    assert await lines(harness, "centers.close") == [
        ("s-lead", "central", {"of": "busan", "state": "closed", "staff": "0"}),
        ("s-daegu", "daegu", {"of": "daegu", "state": "closed", "staff": "0"}),
    ]
    assert await lines(harness, "dead.read") == [("s-lead", "central", {"origin": ORIGIN})]
    assert (await harness.duty("busan", state="open", staff_on_duty=2)).status_code == 200
    assert [detail for _, _, detail in await lines(harness, "centers.duty")] == [
        {"of": "busan", "state": "open", "staff": "2"}
    ]
