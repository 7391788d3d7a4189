from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.intake.reports.waiting_period import WAIT
from services.intake.staff_access.views import details_of

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
FACTS = {"role": "victim", "harm_types": ["other"]}


def document(**more: Any) -> dict[str, Any]:
    return {"received_at": NOW, "facts": FACTS, "consents": None, **more}


def test_a_bare_report_says_that_nobody_may_be_contacted() -> None:
    details = details_of(document(), {})
    assert not details.may_contact
    assert details.contact["may_leave_message"] is False
    assert (details.narratives, details.messages, details.urls) == ((), (), ())


def test_of_contact_only_the_newest_counts_and_of_texts_all_are_shown_in_order() -> None:
    later = NOW + timedelta(hours=1)
    parts = {
        "narrative": "first",
        "narrative:12": "third",
        "narrative:2": "second",
        "contact": {"channels": ["phone"], "phone": "1", "not_safe": "days"},
        "contact:2": {"channels": ["text"], "phone": "2"},
        "message:2": "b",
        "message:10": "c",
        "message:1": "a",
    }
    stored = document(
        amendments=[{"number": 1, "at": later, "version": 2}], messages=[{"number": 10, "at": later, "version": 9}]
    )
    details = details_of(stored, parts)
    assert [said.value for said in details.narratives] == ["first", "second", "third"]
    assert [said.at for said in details.narratives] == [NOW, later, NOW]
    assert (details.contact["phone"], details.contact["not_safe"]) == ("2", None)
    assert [(said.number, said.value) for said in details.messages] == [(1, "a"), (2, "b"), (10, "c")]


def test_only_here_excludes_what_an_older_report_chose_beside_it() -> None:
    details = details_of(document(), {"contact": {"channels": ["text", "message_here"], "phone": "1"}})
    assert details.agreed_channels == ("message_here",)


def test_a_deadline_is_a_time_and_no_answer() -> None:
    details = details_of(document(), {"answers": {"threatened": True, "threat_deadline": "2026-11-25T21:00:00+09:00"}})
    assert details.answers == {"threatened": True}
    assert details.threat_deadline == datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_contact_that_whoever_reported_changed_is_shown_with_what_was_there_before() -> None:
    later = NOW + timedelta(hours=1)
    parts = {
        "contact": {"channels": ["phone"], "phone": "1"},
        "contact:2": {"channels": ["phone"], "phone": "2"},
        "on_behalf:2": {"relation": "other", "victim_agrees": True},
    }
    amendments = [{"number": 1, "at": later, "version": 2}]
    by_other = document(facts={"role": "representative", "harm_types": ["other"]}, amendments=amendments)
    details = details_of(by_other, parts)
    assert (details.contact["phone"], details.contact_changed_at) == ("2", later)
    assert [(said.at, said.value["phone"]) for said in details.earlier_contacts] == [(NOW, "1")]
    assert [(said.at, said.value["victim_agrees"]) for said in details.earlier_on_behalf] == [(NOW, None)]
    unchanged = details_of(by_other, {"contact": parts["contact"]})
    assert (unchanged.earlier_contacts, unchanged.contact_changed_at) == ((), None)


LATER = NOW + timedelta(hours=1)
CHANGED: dict[str, Any] = {
    "contact": {"channels": ["phone"], "phone": "1", "person_codeword": "rain"},
    "contact:2": {"channels": ["phone"], "phone": "2", "person_codeword": "sun"},
}


@pytest.mark.parametrize(
    ("entry", "alone"), [({"receipt_alone": True}, True), ({"receipt_alone": False}, False), ({}, True)]
)
def test_a_victims_changed_contact_says_when_from_what_and_with_which_word_to_check(
    entry: dict[str, bool], *, alone: bool
) -> None:
    details = details_of(document(amendments=[{"number": 1, "at": LATER, "version": 2, **entry}]), CHANGED)
    assert (details.contact_changed_at, details.contact_changed_alone) == (LATER, alone)
    assert [(said.at, said.value["phone"]) for said in details.earlier_contacts] == [(NOW, "1")]
    assert details.check_word == "rain"


def test_answers_that_were_changed_are_shown_with_what_stood_before_from_when_and_who_could_change_them() -> None:
    last = LATER + timedelta(hours=1)
    parts = {
        "answers": {"threatened": True, "threat_deadline": "2026-11-25T21:00:00+09:00", "already_told": ["police"]},
        "answers:2": {"threatened": True, "money_demanded": True, "already_told": ["police"]},
        "answers:3": {"threatened": False, "money_demanded": True, "already_told": ["police"]},
    }
    made = [
        {"number": 1, "at": LATER, "version": 2, "receipt_alone": False},
        {"number": 2, "at": last, "version": 3, "receipt_alone": True},
    ]
    details = details_of(document(amendments=made), parts)
    deadline = datetime(2026, 11, 25, 12, tzinfo=UTC)
    assert [(change.at, change.alone) for change in details.answer_changes] == [(last, True), (LATER, False)]
    assert [
        {code: (said.value, said.at) for code, said in change.before.items()} for change in details.answer_changes
    ] == [
        {"threatened": (True, NOW)},
        {"threat_deadline": (deadline, NOW), "money_demanded": (None, NOW)},
    ]
    assert (details.threat_deadline, [said.value for said in details.earlier_deadlines]) == (None, [deadline])
    once = details_of(document(amendments=made), {"answers": parts["answers"]})
    assert (once.answer_changes, once.earlier_deadlines) == ((), ())


def test_facts_that_were_changed_are_shown_as_they_were_beside_the_answers() -> None:
    last = LATER + timedelta(hours=1)
    made = [
        {"number": 2, "at": last, "version": 3, "before": {"age_band": "over_29", "division": "seoul"}},
        {"number": 1, "at": LATER, "version": 2, "receipt_alone": False, "before": {"age_band": "under_14"}},
    ]
    details = details_of(document(amendments=made), {"answers": {}, "answers:2": {"threatened": True}})
    assert [
        (change.alone, {code: (said.value, said.at) for code, said in change.before.items()})
        for change in details.answer_changes
    ] == [
        (True, {"age_band": ("over_29", LATER), "division": ("seoul", NOW)}),
        (False, {"threatened": (None, NOW), "age_band": ("under_14", NOW)}),
    ]


def test_answers_first_given_later_are_a_change_from_none_that_hides_no_deadline() -> None:
    given = {"money_demanded": False, "threat_deadline": "2026-11-25T21:00:00+09:00"}
    details = details_of(document(amendments=[{"number": 1, "at": LATER, "version": 2}]), {"answers:2": given})
    [change] = details.answer_changes
    assert (change.at, change.alone, change.before["money_demanded"].value) == (LATER, True, None)
    assert (details.answers["money_demanded"], details.earlier_deadlines) == (False, ())


@pytest.mark.parametrize(
    ("mark", "alone"), [({}, True), ({"receipt_alone": True}, True), ({"receipt_alone": False}, False)]
)
def test_consents_given_later_are_shown_with_when_and_who_could_give_them(mark: dict[str, bool], alone: bool) -> None:
    given = {"number": 1, "at": LATER, "version": 2, "consents": True, **mark}
    more = {"number": 2, "at": LATER + timedelta(hours=1), "version": 3}
    details = details_of(document(consents={"version": "2026-11"}, amendments=[given, more]), {})
    assert (details.consents_changed_at, details.consents_changed_alone) == (LATER, alone)
    with_report = details_of(document(consents={"version": "2026-11"}, amendments=[more]), {})
    assert (with_report.consents_changed_at, with_report.consents_changed_alone) == (None, False)


def test_consents_that_were_changed_are_shown_with_what_was_agreed_to_before() -> None:
    first, second = ({"version": "2026-11", "personal": True, "until": until} for until in (LATER, LATER + WAIT))
    now = {"version": "2026-11", "personal": False}
    details = details_of(document(consents=now, earlier_consents=[first, second]), {})
    assert (details.consents, details.earlier_consents) == (now, (second, first))
    assert details_of(document(consents=now), {}).earlier_consents == ()


def test_the_word_to_check_with_is_never_one_that_a_receipt_alone_can_have_chosen() -> None:
    parts = {**CHANGED, "contact:3": {"channels": ["phone"], "phone": "3", "person_codeword": "snow"}}

    def word(*alone: bool) -> str | None:
        made = [{"number": n, "at": LATER, "version": n + 1, "receipt_alone": one} for n, one in enumerate(alone, 1)]
        return details_of(document(amendments=made), parts).check_word

    assert (word(True, True), word(False, True)) == ("rain", "sun")
    del parts["contact"]
    assert word(True, True) is None


def test_contact_first_given_later_is_a_change_from_none() -> None:
    parts = {"contact:2": CHANGED["contact:2"]}
    details = details_of(document(amendments=[{"number": 1, "at": LATER, "version": 2}]), parts)
    assert (details.contact_changed_at, [said.value["channels"] for said in details.earlier_contacts]) == (LATER, [()])


def test_a_tip_waits_for_nobodys_confirmation_and_a_word_set_later_is_told() -> None:
    tip = details_of(document(facts={"role": "third_party", "harm_types": ["other"]}), {})
    assert (tip.tip, tip.by_other, tip.word_set_later_at) == (True, True, None)
    assert not details_of(document(facts={"role": "representative", "harm_types": ["other"]}), {}).tip
    later = {"hash": "x", "asked_at": LATER, "counts_from": LATER + WAIT}
    assert details_of(document(word_later=later), {}).word_set_later_at == LATER
    assert details_of(document(word_later=later, word="y"), {}).word_set_later_at is None
