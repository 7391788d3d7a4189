"""What a holder of a receipt does, over HTTP, and what tests look up afterwards."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx

from services.intake.retention import rules as retention_rules
from shared.events.base import Event
from shared.events.cases import CaseAcknowledged, CaseClosed
from shared.events.reports import ReportFacts
from shared.events.routings import Cause, Decision, ReportRouted
from shared.events.vocabulary import CauseKind, Outcome, RoutingReason
from shared.metrics import REGISTRY
from tests.integration.intake.harness import LEAST, IntakeHarness
from tests.support.waiting import eventually

PERSONAL = {
    "narrative": "무슨 일이 있었는지",
    "urls": ["https://example.com/post"],
    "contact": {"channels": ["phone"], "phone": "010-2468-1357", "not_safe": "family"},
    "threatened": True,
    "consents": {"version": "2026-11", "personal": True},
}


class Holder:
    """Somebody with a receipt."""

    def __init__(self, harness: IntakeHarness, lodged: dict[str, Any]) -> None:
        self.harness = harness
        self.report_id: str = lodged["report_id"]
        self.receipt: str = lodged["receipt"]

    async def post(self, what: str, *, key: str | None = None, **body: Any) -> httpx.Response:
        headers = self.harness.headers() | ({"Idempotency-Key": key} if key else {})
        return await self.harness.http.post(
            f"/api/v1/receipts/{what}", json={"receipt": self.receipt, **body}, headers=headers
        )

    async def done(self, what: str, *, key: str | None = None, **body: Any) -> dict[str, Any]:
        answer = await self.post(what, key=key, **body)
        assert answer.status_code in {200, 201}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def stored(self) -> dict[str, Any]:
        found: dict[str, Any] = await self.harness.collection.find_one({"_id": self.report_id})
        return found

    async def at_rest(self) -> dict[str, Any]:
        """What is stored once every event is on the bus and it is found by its links: then only who asks changes it."""
        await eventually(self.harness.at_rest)
        return await self.stored()

    async def published(self) -> list[dict[str, Any]]:
        await eventually(lambda: nothing_pending(self.harness))
        return [json.loads(value) for key, value in await self.harness.log() if key == self.report_id]


async def holder(harness: IntakeHarness, **body: Any) -> Holder:
    """Lodge a report with everything in it and hold its receipt."""
    answer = await harness.lodge({**LEAST, **PERSONAL, **body})
    assert answer.status_code == 202, answer.text
    return Holder(harness, answer.json())


async def nothing_pending(harness: IntakeHarness) -> bool:
    return not await harness.collection.count_documents({"outbox": {"$exists": True}})


def routed(stored: dict[str, Any], center_id: str, at: datetime) -> Event:
    """Routing's first word about a stored report."""
    return ReportRouted(
        report_id=stored["_id"],
        version=1,
        ownership=1,
        intake_version=1,
        cause=Cause(kind=CauseKind.REPORT),
        decided_at=at,
        received_at=stored["received_at"],
        decision=Decision(center_id=center_id, reason=RoutingReason.HOME, rule_version=1, table_version="t"),
        facts=ReportFacts.model_validate_json(json.dumps(stored["facts"])),
    )


async def owned(someone: Holder, center_id: str = "busan", *, seen: bool = False, closed: bool = False) -> None:
    """Let a centre own the report, see it, close it; return when intake knows."""
    at = datetime.now(UTC)
    events = [routed(await someone.stored(), center_id, at)]
    common = {"report_id": someone.report_id, "ownership": 1, "center_id": center_id, "at": at}
    if seen or closed:
        events.append(CaseAcknowledged.model_validate({**common, "case_version": 1}))
    if closed:
        events.append(CaseClosed.model_validate({**common, "case_version": 2, "outcome": Outcome.SUPPORTED}))
    await someone.harness.publish(events)

    async def known() -> bool:
        progress = (await someone.stored())["progress"]
        work = progress["work"] or {}
        return bool(
            progress["ownership"]
            and (not seen or work.get("acknowledged_at"))
            and (not closed or work.get("closed_at"))
        )

    await eventually(known)


async def audit_of(harness: IntakeHarness, report_id: str) -> list[tuple[str, str, str | None]]:
    """The audit's lines about a report: action, outcome, reason."""
    await harness.intake.audit.settle()
    reference = harness.intake.audit.keys.reference(report_id)
    lines = [line async for line in harness.intake.audit.lines.find({"report": reference})]
    return [(line["action"], line["outcome"], line["reason"]) for line in lines]


async def erased(someone: Holder) -> bool:
    return retention_rules.lifecycle_of(await someone.stored()).erased_at is not None


async def page(
    harness: IntakeHarness, *who: str, form: dict[str, str] | None = None, to: str = "/erasures"
) -> httpx.Response:
    harness.intake.identity.adopt(harness.people.document())  # as notify says again and again, also years later
    cookies = harness.people.cookie(*who)
    headers = {
        "Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items()),
        "Sec-Fetch-Site": "same-origin",
        "Accept": "text/html",
        "Accept-Language": "en",
    }
    if form is None:
        return await harness.http.get(to, headers=headers)
    return await harness.http.post(to, data=form, headers=headers)


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0
