"""The example of the tests' README: a report, as a front end sends it."""

from tests.integration.intake.harness import LEAST, IntakeHarness
from tests.support.waiting import eventually


async def test_a_report_is_answered_with_a_receipt_and_published(harness: IntakeHarness) -> None:
    answer = await harness.lodge({**LEAST, "division": "busan"})
    assert answer.status_code == 202

    async def published() -> bool:
        return answer.json()["report_id"] in [key for key, _ in await harness.log()]

    await eventually(published)
