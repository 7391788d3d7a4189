from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from services.intake import problems
from services.intake.submissions.facts import NotAdmittedError, examine, facts_of
from services.intake.submissions.models import Consents, Contact, Submission
from services.intake.submissions.urgency import triage
from shared.events.reports import ReportFacts
from shared.events.vocabulary import ContactChannel, HarmType, Role

DAY = date(2026, 11, 24)


def facts(**fields: object) -> ReportFacts:
    report = Submission.model_validate({"role": Role.VICTIM, "harm_types": (HarmType.OTHER,), **fields})
    return facts_of(report, triage(report, datetime(2026, 11, 24, tzinfo=UTC)), DAY)


@pytest.mark.parametrize(
    ("typed", "slug"),
    [
        (None, "unknown"),
        ("unknown", "unknown"),
        ("overseas", "overseas"),
        ("busan", "busan"),
        ("부산", "busan"),
        ("부산광역시", "busan"),
        ("Busan", "busan"),
        ("26", "busan"),
        ("서울", "seoul"),
    ],
)
def test_places_are_resolved(typed: str | None, slug: str) -> None:
    assert facts(division=typed).division == slug


@pytest.mark.parametrize(
    ("typed", "reason"),
    [("아틀란티스", "unknown_division"), ("광주", "ambiguous_division"), ("999", "unknown_division")],
)
def test_other_places_are_refused_with_choices(typed: str, reason: str) -> None:
    with pytest.raises(NotAdmittedError) as caught:
        facts(division=typed)
    assert (caught.value.field, caught.value.reason) == ("division", reason)
    assert len(caught.value.choices) > 1
    assert typed not in str(caught.value)


def test_a_district_is_kept_only_where_it_decides() -> None:
    assert facts(division="jeonnam-gwangju", district="12210").district == "12210"
    assert facts(division="busan", district="26110").district is None
    with pytest.raises(NotAdmittedError, match="unknown_district") as caught:
        facts(division="jeonnam-gwangju", district="99999")
    assert "12210" in caught.value.choices


@pytest.mark.parametrize("division", ["busan", "seoul", "overseas", "unknown", None, "jeonnam-gwangju"])
@pytest.mark.parametrize("district", ["99999", "41111"])
def test_a_district_of_another_division_is_refused(division: str | None, district: str) -> None:
    with pytest.raises(NotAdmittedError) as caught:
        facts(division=division, district=district)
    assert (caught.value.field, caught.value.reason) == ("district", "unknown_district")


def test_a_district_under_the_code_of_a_former_division_is_its_successors() -> None:
    assert facts(division="gangwon", district="42110").district is None
    assert facts(division="gangwon", district="51110").district is None


NOW = datetime(2026, 11, 24, tzinfo=UTC)
REACHED = Contact(channels=(ContactChannel.PHONE,), phone="010-0000-0000")


def refusal(**fields: object) -> tuple[str, str] | None:
    report = Submission.model_validate({"role": Role.VICTIM, "harm_types": (HarmType.OTHER,), **fields})
    try:
        examine(report, NOW)
    except NotAdmittedError as error:
        return error.field, error.reason
    return None


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"threat_deadline": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=18)))}, "deadline_out_of_range"),
        (
            {"threat_deadline": datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=18)))},
            "deadline_out_of_range",
        ),
        ({"threat_deadline": NOW + timedelta(days=6 * 366)}, "deadline_out_of_range"),
        ({"threat_deadline": NOW - timedelta(days=6 * 366)}, "deadline_out_of_range"),
        ({"threat_deadline": NOW + timedelta(days=365)}, None),
        ({"threat_deadline": NOW - timedelta(days=365)}, None),
        ({"already_told": ("nobody", "police")}, "nobody_and_others"),
        ({"already_told": ("nobody",)}, None),
        ({"already_told": ("nobody", "nobody")}, None),
        ({"already_told": ("police", "platform", "hotline")}, None),
        ({"contact": REACHED, "consents": Consents(version="2026-11")}, "consent_needed"),
        ({"contact": Contact(email="a@example.com"), "consents": Consents(version="2026-11")}, "consent_needed"),
        ({"contact": REACHED, "consents": Consents(version="2026-11", personal=True)}, None),
        ({"contact": REACHED, "consents": None}, None),
        ({"contact": Contact(name="달"), "consents": Consents(version="2026-11")}, None),
        ({"division": "busan", "district": "41111"}, "unknown_district"),
    ],
)
def test_what_does_not_hold_together_is_refused_with_field_and_reason(
    fields: dict[str, object], wanted: str | None
) -> None:
    found = refusal(**fields)
    assert (found[1] if found else None) == wanted
    assert found is None or found[0] in {"threat_deadline", "already_told", "consents", "district"}


def test_every_such_reason_has_its_sentence_for_front_ends_and_for_the_form() -> None:
    for field, reason in (
        ("threat_deadline", "deadline_out_of_range"),
        ("already_told", "nobody_and_others"),
        ("consents", "consent_needed"),
    ):
        problem = problems.from_admission(NotAdmittedError(field, reason))
        assert [(error.field, error.reason) for error in problem.errors] == [(field, reason)]
        assert "choices" not in problem.detail


def test_repeated_choices_count_once() -> None:
    found = facts(harm_types=(HarmType.OTHER, HarmType.OTHER), declined_centers=("busan", "busan"))
    assert (found.harm_types, found.declined_centers) == ((HarmType.OTHER,), ("busan",))


def test_nothing_personal_is_among_the_facts() -> None:
    found = facts(
        narrative="canary-narrative",
        urls=("https://canary.example.com",),
        contact={"name": "canary-name", "phone": "010-9999-9999"},
    )
    assert "canary" not in found.model_dump_json()
    assert "9999" not in found.model_dump_json()


SEOUL = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (None, None),
        (datetime(2026, 11, 25, 21, 59, 59, tzinfo=SEOUL), datetime(2026, 11, 25, 12, tzinfo=UTC)),
        (datetime(2026, 11, 25, 21, 0, tzinfo=SEOUL), datetime(2026, 11, 25, 12, tzinfo=UTC)),
        (
            datetime(2026, 11, 23, 3, 30, tzinfo=timezone(timedelta(hours=5, minutes=45))),
            datetime(2026, 11, 22, 21, tzinfo=UTC),
        ),
        (datetime(1, 1, 1, tzinfo=SEOUL), None),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=9))), None),
    ],
)
def test_the_hour_of_a_threat_is_told_never_its_minute_and_never_later_than_it_is(
    said: datetime | None, told: datetime | None
) -> None:
    assert facts(threat_deadline=said).threat_deadline == told
