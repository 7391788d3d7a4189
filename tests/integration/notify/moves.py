"""What routing would answer, for tests in which it does not run."""

from typing import Any

from services.notify.cases.models import Case
from shared.events.cases import CaseClosed, CaseEvent, CaseReopened, CaseTransferAccepted
from shared.events.envelope import event_id
from shared.topics import CASES
from tests.integration.notify.conftest import NotifyHarness, log_of
from tests.support.waiting import eventually
from tests.unit.notify.samples import event, report_id


async def told(harness: NotifyHarness, number: int = 1) -> list[CaseEvent]:
    """What notify said of a report so far."""
    return [
        e for e in await log_of(harness.bus, CASES) if isinstance(e, CaseEvent) and e.report_id == report_id(number)
    ]


async def case_of(harness: NotifyHarness, number: int = 1) -> Case:
    found = await harness.notify.case_service.case(report_id(number))
    assert found is not None
    return found


async def answer(harness: NotifyHarness, number: int = 1) -> None:
    """Carry out the newest case event as routing does, and wait until notify knows."""
    before = await case_of(harness, number)

    async def newest() -> CaseEvent | None:
        said = await told(harness, number)
        return said[-1] if said and said[-1].case_version == before.case_version else None

    asked = await eventually(newest)
    cause = {"kind": "case_event", "event_id": event_id("notify", asked.TYPE, asked.report_id, asked.case_version)}
    version, ownership, center = before.version + 1, before.ownership, before.center_id
    match asked:
        case CaseTransferAccepted(to_center_id=to):
            ownership += 1
            made = event(
                "report.rerouted", number, center=to, previous_center_id=center, **_at(version, ownership, cause)
            )
        case CaseClosed():
            made = event("report.ended", number, center=center, reason="closed", **_at(version, ownership, cause))
        case CaseReopened():
            made = event("report.updated", number, center=center, kind="reopened", **_at(version, ownership, cause))
        case _:
            raise AssertionError(asked.TYPE)
    await harness.routed(made)
    await arrived(harness, version, number)


async def tell(harness: NotifyHarness, what: str, number: int = 1, **more: Any) -> None:
    """Publish the next routing record about a report and wait until notify knows."""
    case = await case_of(harness, number)
    at = _at(case.version + 1, case.ownership + (what == "report.rerouted"), more.pop("cause", {"kind": "report"}))
    await harness.routed(event(what, number, **{"center": case.center_id} | more, **at))
    await arrived(harness, case.version + 1, number)


async def arrived(harness: NotifyHarness, version: int, number: int = 1) -> None:
    async def there() -> bool:
        return (await case_of(harness, number)).version >= version

    await eventually(there)


def _at(version: int, ownership: int, cause: dict[str, str]) -> dict[str, Any]:
    return {"version": version, "ownership": ownership, "whole_cause": cause}


async def taken(harness: NotifyHarness, number: int = 1, center: str = "gwangju", **changes: Any) -> None:
    """A report that has reached its centre and was acknowledged by kim."""
    await harness.routed(event("report.routed", number, center=center, **changes))
    await eventually(lambda: harness.case(report_id(number)))
    assert (await harness.acknowledge(report_id(number), center, "kim")).status_code == 200
