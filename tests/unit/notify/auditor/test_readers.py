"""Every record of `alerts` is read by somebody: it moves a number of the statistics or what the auditor knows."""

import json
from dataclasses import replace
from typing import get_args

import pytest

from services.analytics.counting.models import Fact
from services.analytics.counting.project import advance
from services.notify.auditor.rules import Watched, note
from shared.events.alerts import AlertEvent
from shared.events.families import AlertEvents
from tests.unit.notify.samples import GOLDEN


@pytest.mark.parametrize("kind", get_args(AlertEvents), ids=lambda kind: kind.TYPE)
def test_no_alert_record_is_written_that_nobody_reads(kind: type[AlertEvent]) -> None:
    event = kind.model_validate(json.loads((GOLDEN / f"{kind.TYPE}.json").read_text())["body"])
    before, counted = Fact(event.report_id, 0), Fact(event.report_id, 0)
    advance(counted, event)
    seen = Watched(event.report_id)
    note(seen, event)
    unread = replace(before, alert_version=counted.alert_version)
    assert counted != unread or seen.told or seen.no_channel or seen.acts, "neither counted nor audited"
