"""A credential that is confined to drills, at the door of the API."""

from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import AsyncMock, Mock

import httpx
import pytest

from services.intake import problem_table
from services.intake.clients.dependencies import ClientAuthenticator
from services.intake.proofs.rules import ProofSigner
from services.intake.reports.waiting_period import WordChosen
from services.intake.submissions import api
from services.intake.submissions.service import SubmissionResult
from shared.drills import begun_by_notify, key_of
from shared.events.vocabulary import Urgency
from shared.health import Health
from shared.identity.roles import Scope
from shared.metrics import REGISTRY
from shared.settings import ServiceSettings
from shared.web.app import Documentation, create_app
from tests.support.clock import ManualClock
from tests.support.keys import KEYS
from tests.unit.intake.clients.test_credentials import CLIENT, SECRET
from tests.unit.intake.retention.test_erasure import NOW

_TICKET_KEY = b"t" * 32
REPORT = {"role": "victim", "harm_types": ["other"]}
TAKEN = SubmissionResult(
    *("one", "1234-5678-9012-3450", NOW, "proof"), repeated=False, word=WordChosen(False, False), urgency=Urgency.NORMAL
)


async def sent(scope: Scope, *, synthetic: bool, key: str | None = None) -> tuple[httpx.Response, AsyncMock]:
    """The answer to a report by a credential with one scope, and what the service was asked."""
    store: Any = Mock(all=AsyncMock(return_value=[replace(CLIENT, scopes=frozenset({scope}))]))
    gate = ClientAuthenticator(store, KEYS.clients, Mock(), ManualClock(NOW))
    service = AsyncMock(return_value=TAKEN)
    app = create_app(
        service="intake",
        documentation=Documentation(
            title="t", description="d", problems=problem_table.PROBLEMS, reasons=problem_table.REASONS
        ),
        settings=ServiceSettings(),
        health=Health(),
        routers=[
            api.router(
                Mock(submit=service),
                ProofSigner(b"s" * 32),
                gate(Scope.REPORTS_SUBMIT),
                partial(begun_by_notify, _TICKET_KEY),
            )
        ],
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as http:
        headers = {"Authorization": f"Bearer kiosk.{SECRET}", "Accept-Language": "en"}
        headers |= {"Idempotency-Key": key} if key is not None else {}
        return await http.post("/api/v1/reports", json={**REPORT, "synthetic": synthetic}, headers=headers), service


async def test_a_report_that_is_no_drill_is_refused_with_the_numbers_to_call() -> None:
    answer, service = await sent(Scope.REPORTS_DRILL, synthetic=False)
    said = answer.json()
    assert (answer.status_code, said["code"]) == (403, "drills_only")
    assert [(one["field"], one["reason"]) for one in said["errors"]] == [("synthetic", "drills_only")]
    assert "1366" in said["detail"]
    service.assert_not_called()


@pytest.mark.parametrize(("scope", "sandbox"), [(Scope.REPORTS_DRILL, True), (Scope.REPORTS_SUBMIT, False)])
async def test_a_drill_of_a_front_end_that_is_tried_out_is_told_from_others(scope: Scope, sandbox: bool) -> None:
    answer, service = await sent(scope, synthetic=True)
    assert answer.status_code == 202
    assert service.await_args is not None
    assert service.await_args.args[1].sandbox is sandbox


_OF_NOTIFY, _OF_A_FORM = key_of(_TICKET_KEY, "2026-12-busan"), "6f1c3a52-9a0f-8c4e-9d0b-2f5a1e7c8b90"


@pytest.mark.parametrize(
    ("scope", "synthetic", "key", "counted"),
    [
        (Scope.REPORTS_SUBMIT, True, _OF_A_FORM, 1),
        (Scope.REPORTS_SUBMIT, True, None, 1),
        (Scope.REPORTS_SUBMIT, True, _OF_NOTIFY, 0),
        (Scope.REPORTS_SUBMIT, True, "drill:2026-12-busan", 1),
        (Scope.REPORTS_SUBMIT, True, _OF_NOTIFY.replace("busan", "ulsan"), 1),
        (Scope.REPORTS_SUBMIT, True, key_of(b"k" * 32, "2026-12-busan"), 1),
        (Scope.REPORTS_SUBMIT, False, _OF_A_FORM, 0),
        (Scope.REPORTS_DRILL, True, _OF_A_FORM, 0),
    ],
)
async def test_a_drill_that_a_front_end_for_real_reports_sends_by_itself_is_counted(
    scope: Scope, synthetic: bool, key: str | None, counted: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = REGISTRY.get_sample_value("ieum_intake_unannounced_drills_total")
    answer, _ = await sent(scope, synthetic=synthetic, key=key)
    assert answer.status_code == 202
    assert before is not None
    assert REGISTRY.get_sample_value("ieum_intake_unannounced_drills_total") == before + counted
    said = capsys.readouterr()
    assert ("kiosk" in said.out + said.err) is bool(counted), "the operator looks for that front end"
