"""What becomes of a new report whose person gives the receipt of an earlier one."""

from typing import Any

from services.intake.caller import Caller
from services.intake.reports.authentication import ReportNotAuthenticError
from services.intake.webform.returning import CONTROL, Returning
from shared.web.form_body import Typed


class _Refusing:
    """Finds the earlier report changed by hand, or never signed."""

    async def authenticate(self, *_: object, **__: object) -> dict[str, Any]:
        raise ReportNotAuthenticError("one", "report")


async def test_an_earlier_report_that_is_not_authentic_keeps_no_new_one_waiting() -> None:
    authenticator: Any = _Refusing()
    typed = Typed({CONTROL: ("1234 5678 9012 3456",)})
    earlier = await Returning(authenticator).known(Caller("203.0.113.0/24"), typed)
    assert earlier.report_id is None
    assert earlier.problem is not None
    assert earlier.later
