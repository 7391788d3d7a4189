"""Whether another centre may be told leaves intake as one yes or no, and follows the newest word of the person."""

from datetime import UTC, datetime

import pytest

from services.intake.handover import rules as handover_rules
from services.intake.receipts import amendments
from services.intake.receipts.models import Amendment
from services.intake.reports.lifecycle import NEW
from services.intake.submissions.facts import facts_of
from services.intake.submissions.models import Consents, Contact, Submission
from services.intake.submissions.urgency import triage
from shared.events.reports import ReportFacts
from shared.events.vocabulary import ContactChannel, HarmType, Role

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
YES, NO = Consents(version="2026-11", other_centers=True), Consents(version="2026-11", personal=True)


def facts(consents: Consents | None, role: Role = Role.VICTIM) -> ReportFacts:
    report = Submission(role=role, harm_types=(HarmType.OTHER,), consents=consents)
    return facts_of(report, triage(report, NOW), NOW.date())


@pytest.mark.parametrize(("consents", "agreed"), [(YES, True), (NO, False), (None, False)])
def test_only_what_was_agreed_to_is_agreed(consents: Consents | None, agreed: bool) -> None:
    assert facts(consents).other_centers is agreed


@pytest.mark.parametrize(
    ("before", "amendment", "agreed"),
    [
        (YES, Amendment(narrative="more"), True),
        (YES, Amendment(consents=NO), False),
        (NO, Amendment(consents=YES), True),
        (None, Amendment(narrative="more"), False),
    ],
)
def test_an_amendment_changes_it_only_by_saying_so(before: Consents | None, amendment: Amendment, agreed: bool) -> None:
    known = facts(before)
    whole = amendments.merged(known, {"answers": {}, "contact": {}, "on_behalf": None}, amendment, receipt_alone=True)
    assert (
        amendments.amended_facts(known, whole, amendment, NOW, NOW.date(), receipt_alone=True).other_centers is agreed
    )


@pytest.mark.parametrize(
    ("taken", "stays"),
    [
        ({"channels": ["message_here", "phone"], "phone": "010-0000-0000"}, (ContactChannel.MESSAGE_HERE,)),
        ({"channels": ["phone"], "phone": "900101-1234567"}, (ContactChannel.PHONE,)),
        ({}, ()),
    ],
)
def test_a_later_rule_for_contact_refuses_no_addition_to_an_earlier_report(
    taken: dict[str, object], stays: tuple[ContactChannel, ...]
) -> None:
    known = facts(None)
    whole = amendments.merged(known, {"answers": {}, "contact": taken}, Amendment(threatened=True), receipt_alone=True)
    assert (
        amendments.amended_facts(
            known, whole, Amendment(threatened=True), NOW, NOW.date(), receipt_alone=True
        ).contact_channels
        == stays
    )
    chosen = Amendment(contact=Contact(channels=(ContactChannel.EMAIL,), email="a@example.com"))
    assert (
        amendments.merged(known, {"answers": {}, "contact": taken}, chosen, receipt_alone=True).contact
        == chosen.contact
    )


def test_who_takes_a_report_over_begins_without_what_was_agreed_for_them() -> None:
    known = facts(YES, Role.REPRESENTATIVE)
    for given in (False, True):
        _, after = handover_rules.handed_over(NEW, known, (), NOW, other_centers=given)
        assert after.other_centers is given
