"""The example of the tests' README: a report, as a front end sends it."""

from tests.integration.intake.desk import LEAST, Desk
from tests.support.waiting import eventually


async def test_a_report_is_answered_with_a_receipt_and_published(desk: Desk) -> None:
    answer = await desk.lodge({**LEAST, "division": "busan"})
    assert answer.status_code == 202

    async def published() -> bool:
        return answer.json()["report_id"] in [key for key, _ in await desk.log()]

    await eventually(published)
