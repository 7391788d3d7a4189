"""What is true of a report is said anew, for readers that passed over an event of it."""

from pathlib import Path

import pytest

from services.intake.reports.erasure_register import ErasureRegister, Happened
from services.intake.submissions import republish
from shared.clock import SystemClock
from shared.events.base import Event
from shared.events.routings import Cause, ReportEnded
from shared.events.vocabulary import CauseKind, EndReason
from tests.integration.intake.harness import IntakeHarness, settings
from tests.integration.intake.holding import Holder, audit_of, holder, nothing_pending, routed
from tests.support.keys import KEYS
from tests.support.waiting import eventually

UNKNOWN = "10000000-0000-5000-8000-000000000000"


async def said(harness: IntakeHarness, *reports: str, folder: Path | None = None) -> int:
    """As the command does."""
    given = settings(erasure_register=folder)
    return await republish.run(given, harness.store_settings, SystemClock(), reports)


async def kinds(someone: Holder) -> list[str]:
    """The moment that each event of a report has."""
    moments = ("received_at", "amended_at", "left_at", "withdrawn_at", "reinstated_at")
    return [next(name for name in moments if name in event) for event in await someone.published()]


async def test_what_was_missed_is_said_as_an_addition_of_the_next_version(
    harness: IntakeHarness, capsys: pytest.CaptureFixture[str]
) -> None:
    someone = await holder(harness)
    await someone.done("amend", declined_centers=["busan"])
    await someone.done("messages", text="언제 전화하나요?")
    await eventually(lambda: nothing_pending(harness))
    assert await said(harness, someone.report_id) == 0
    assert "published anew" in capsys.readouterr().out
    events = await someone.published()
    assert [event["intake_version"] for event in events] == [1, 2, 3, 1, 5], (
        "no centre has it: is its first event lost?"
    )
    assert events[3] == {**events[0], "facts": events[1]["facts"]}
    assert events[4]["facts"] == events[1]["facts"]
    assert events[4]["facts"]["declined_centers"] == ["busan"]
    assert (await someone.stored())["intake_version"] == 5
    assert (await someone.done("status"))["state"] == "received", "intake still takes it for its own"
    assert (republish.ACTION, "done", "passed_over") in await audit_of(harness, someone.report_id)


async def test_a_report_taken_up_again_that_routing_still_has_as_withdrawn_is_said_to_be_so(
    harness: IntakeHarness,
) -> None:
    someone = await holder(harness)
    await someone.done("withdraw")
    await someone.done("reinstate")
    stored = await someone.at_rest()
    at = stored["received_at"]
    ended: Event = ReportEnded(
        report_id=someone.report_id,
        version=2,
        ownership=1,
        intake_version=2,
        cause=Cause(kind=CauseKind.REPORT),
        decided_at=at,
        reason=EndReason.WITHDRAWN,
        center_id="busan",
    )
    await harness.publish([routed(stored, "busan", at), ended])
    await eventually(lambda: _known_as_withdrawn(someone))
    assert await said(harness, someone.report_id) == 0
    assert await kinds(someone) == ["received_at", "withdrawn_at", "reinstated_at", "amended_at", "reinstated_at"]


async def test_nothing_is_said_of_what_is_withdrawn_erased_or_unknown(
    harness: IntakeHarness, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    withdrawn, erased, open_one = [await holder(harness, word="umbrella") for _ in range(3)]
    await withdrawn.done("withdraw", word="umbrella")
    await erased.done("withdraw", word="umbrella", at_once=True, understood=True)
    before = [await someone.at_rest() for someone in (withdrawn, erased, open_one)]
    register = ErasureRegister(tmp_path, KEYS.reports)
    await register.note(Happened.WITHDRAWN, open_one.report_id, SystemClock().now(), before[2].get("changes", 0))
    wanted = [withdrawn.report_id, erased.report_id, open_one.report_id, UNKNOWN]
    assert await said(harness, *wanted, folder=tmp_path) == 1
    printed = capsys.readouterr().out
    for report_id, why in zip(wanted, ("is withdrawn", "was erased", "restart intake", "no such report"), strict=True):
        assert why in next(line for line in printed.splitlines() if line.startswith(report_id))
    assert [await someone.stored() for someone in (withdrawn, erased, open_one)] == before


async def _known_as_withdrawn(someone: Holder) -> bool:
    ownership = (await someone.stored())["progress"]["ownership"]
    return ownership is not None and ownership["ended"] == EndReason.WITHDRAWN
