from typing import Any

import orjson
import pytest

from services.intake.staff_access import words as staff_words
from services.intake.submissions.models import Submission
from services.intake.webform import advice, form, step_words, steps, summary, words
from shared.events.vocabulary import AgeBand, Gender, PlatformKind, Relationship, Role
from shared.web.form_body import Typed

LEAST = {"role": ("victim",), "harm_types": ("other",)}
ALWAYS = ["who", "what", "urgent", "about", "seen", "words", "other", "told", "place", "language"]


def typed(**more: str | tuple[str, ...]) -> Typed:
    return Typed(LEAST | {name: value if isinstance(value, tuple) else (value,) for name, value in more.items()})


@pytest.mark.parametrize(
    ("more", "slugs"),
    [
        ({}, [*ALWAYS, "contact"]),
        ({"role": "representative"}, ["who", "relation", *ALWAYS[1:], "contact"]),
        ({"role": "third_party"}, [*ALWAYS, "contact"]),
        ({"division": "jeonnam-gwangju"}, [*ALWAYS[:9], "district", *ALWAYS[9:], "contact"]),
        ({"division": "busan"}, [*ALWAYS, "contact"]),
        ({"contact_channels": "message_here"}, [*ALWAYS, "contact"]),
        ({"contact_channels": ("message_here", "email")}, [*ALWAYS, "contact"]),
        ({"contact_channels": "email"}, [*ALWAYS, "contact", "reach", "safe"]),
        ({"path": "now"}, ["now", "now-contact"]),
        ({"path": "young"}, ["y-what", "y-age", "y-now", "y-words", "y-place", "y-contact"]),
        ({"path": "made-up"}, [*ALWAYS, "contact"]),
    ],
)
def test_only_what_applies_is_asked_and_the_way_is_the_same_forth_and_back(
    more: dict[str, Any], slugs: list[str]
) -> None:
    answers = typed(**more)
    assert [one.slug for one in steps.way(answers)] == slugs
    walked = [slugs[0]]
    while walked[-1] != steps.CHECK:
        walked.append(steps.after(walked[-1], answers))
    assert walked == [*slugs, steps.CHECK]
    back: list[str | None] = [steps.CHECK]
    while back[-1] is not None:
        back.append(steps.before(back[-1], answers))
    assert back == [*reversed(walked), None]


def test_two_steps_must_be_answered_and_no_other() -> None:
    assert steps.open_step(Typed()) == "who"
    assert steps.open_step(Typed({"role": ("victim",)})) == "what"
    assert steps.open_step(typed()) is None
    assert [one.slug for one in steps.STEPS if one.required] == ["who", "what"]


def test_every_control_is_on_one_page_has_a_label_and_a_place() -> None:
    controls = [control for one in steps.STEPS for control in one.controls]
    assert len(controls) == len(set(controls))
    assert set(step_words.LABELS) == set(controls)
    assert {steps.place_of(control) for control in controls} == {one.slug for one in steps.STEPS}
    assert {control for path in steps.PATHS.values() for one in path for control in one.controls} == set(controls)
    assert steps.place_of("consents") == steps.place_of("word") == steps.CHECK
    assert set(summary.TABLES) < set(controls)


def test_every_step_says_for_every_role_what_it_asks_and_why() -> None:
    for one in (one for path in steps.PATHS.values() for one in path):
        for role in Role:
            assert all(step_words.asked(one.slug, role))
    told = {role: step_words.asked("what", role).title for role in Role}
    assert len(set(told.values())) == 3
    assert step_words.note("relation", Role.REPRESENTATIVE) == step_words.SAFE_TO_SPEAK
    assert (step_words.note("what", Role.THIRD_PARTY), step_words.note("what", Role.VICTIM)) == (step_words.A_TIP, "")
    assert step_words.role_of("") is step_words.role_of("nobody") is Role.VICTIM


def test_a_page_replaces_its_own_answers_and_touches_no_other() -> None:
    known = typed(threatened="yes", narrative="kept")
    sent = Typed({"money_demanded": ("no",), "threat_deadline": ("",), "narrative": ("smuggled",), "go": ("next",)})
    assert steps.taken(known, "urgent", sent) == typed(narrative="kept", money_demanded="no")


def test_leaving_a_short_path_takes_along_what_was_typed_there_and_not_what_entering_it_says() -> None:
    sent = Typed({"money_demanded": ("yes",), "go": ("who",)})
    assert steps.taken(Typed(), "now", sent, leaving=True) == Typed({"money_demanded": ("yes",)})
    on_it = steps.taken(Typed(), "now", sent)
    assert steps.taken(on_it, "now", sent, leaving=True) == Typed(
        {"role": ("victim",), "harm_types": ("distribution_threat",), "money_demanded": ("yes",)}
    )


@pytest.mark.parametrize("slug", ["y-what", "now"])
def test_a_short_path_is_entered_by_nobody_who_reports_for_another(slug: str) -> None:
    entering = steps.step(slug)
    assert entering is not None
    for role in (Role.REPRESENTATIVE, Role.THIRD_PARTY):
        known = typed(role=role, relation="lineal")
        assert steps.entered(known, entering) == known
    assert steps.entered(Typed(), entering).one("role") == Role.VICTIM


def test_what_no_longer_applies_does_not_count() -> None:
    answers = typed(relation="spouse", phone="010", district="12210", consents="personal", nonsense="x", narrative="")
    assert steps.counting(answers) == typed(consents="personal")


def test_not_knowing_is_an_answer_and_makes_no_statement() -> None:
    unknown = dict.fromkeys((*summary.WITH_UNKNOWN, "threatened", "victim_knows", "may_say"), "unknown")
    answers = typed(role="representative", **unknown)
    raw, problems = form.submission_of(answers, "ko")
    report = Submission.model_validate_json(orjson.dumps(raw))
    assert problems == []
    assert (report.threatened, report.on_behalf, report.contact.may_say) == (None, None, None)
    assert (report.age_band, report.gender) == (AgeBand.UNKNOWN, Gender.UNKNOWN)
    assert (report.relationship, report.platform_kind) == (Relationship.UNKNOWN, PlatformKind.UNKNOWN)
    options = {name: [*form.options(table, str), ("unknown", "?")] for name, table in summary.TABLES.items()}
    said = {line.control: line.answers for one in summary.sections(answers, options) for line in one.lines}
    assert said["age_band"] == ("?",)
    assert said["narrative"] == ()


def test_the_summary_shows_labels_lines_and_nothing_unknown_to_us() -> None:
    answers = typed(marks="ab\ncd", threat_deadline="2026-11-25T21:00", harm_types=("other", "made-up"))
    options = {name: form.options(table, str.upper) for name, table in summary.TABLES.items()}
    shown = {line.control: line.answers for one in summary.sections(answers, options) for line in one.lines}
    assert shown["marks"] == ("ab", "cd")
    assert shown["threat_deadline"] == ("2026-11-25 21:00",)
    assert shown["harm_types"] == ("SOMETHING ELSE, OR I AM NOT SURE",)
    answered = {one.slug for one in summary.sections(answers, options) if one.answered}
    assert answered == {"who", "what", "urgent", "seen"}


@pytest.mark.parametrize(
    ("more", "slugs"),
    [
        ({}, []),
        ({"harm_types": "distribution_threat"}, ["money"]),
        ({"threatened": "yes"}, ["money"]),
        ({"threat_deadline": "2026-11-25T21:00"}, ["money"]),
        ({"threatened": "unknown", "still_spreading": "no"}, []),
        ({"still_spreading": "yes", "harm_types": "synthesis"}, ["links", "pictures"]),
        ({"age_band": "under_14"}, ["younger"]),
        ({"age_band": "14_18", "role": "third_party"}, []),
    ],
)
def test_advice_fits_what_was_answered(more: dict[str, Any], slugs: list[str]) -> None:
    assert [slug for slug, _ in advice.fitting(typed(**more))] == slugs


def test_every_page_of_advice_is_linked_from_the_start() -> None:
    assert [slug for slug, _ in advice.FOR_ALL] == list(advice.NOTES)
    assert all(part.items for note in advice.NOTES.values() for part in note.parts)


def test_fingerprints_are_told_apart_by_line() -> None:
    raw, _ = form.submission_of(typed(marks=f"{'AB' * 32}\n\n pdq:{'cd' * 32} \n"), "ko")
    assert (raw["fingerprints"], raw["picture_hashes"]) == (["AB" * 32], ["cd" * 32])
    wrong = form.problems_of([("fingerprints.0", "wrong_form"), ("picture_hashes.1", "wrong_form")])
    assert [problem.control for problem in wrong] == ["marks"]


def test_the_chosen_language_wins_over_the_pages_own() -> None:
    assert form.submission_of(typed(language="vi"), "ko")[0]["language"] == "vi"
    assert form.submission_of(typed(), "en")[0]["language"] == "en"
    assert len(words.TONGUES) == 13
    assert list(staff_words.TONGUES) == [code for code, _ in words.TONGUES]


@pytest.mark.parametrize(
    ("more", "not_asked"),
    [
        ({"harm_types": "distribution_threat"}, {"threatened"}),
        ({"harm_types": "body_cam_phishing"}, {"money_demanded"}),
        ({"contact_channels": "text"}, {"email", "may_leave_message", "may_say"}),
        ({"contact_channels": "email"}, {"phone", "hours", "may_leave_message", "may_say", "center_codeword"}),
        ({"contact_channels": ("phone", "email")}, set()),
    ],
)
def test_nothing_is_asked_twice_or_without_use(more: dict[str, Any], not_asked: set[str]) -> None:
    answers = typed(**more)
    asked = {name for one in steps.way(answers) for name in one.asked(answers)}
    mine = {"threatened", "money_demanded"} | (
        {"email", "phone", "hours", "may_leave_message", "may_say", "center_codeword"}
        if "contact_channels" in more
        else set()
    )
    assert mine - asked == not_asked
    assert not not_asked & set(steps.counting(typed(**more, **dict.fromkeys(not_asked, "yes"))).values)


def test_what_a_kind_of_harm_says_is_counted_as_said() -> None:
    raw, _ = form.submission_of(typed(harm_types=("distribution_threat", "body_cam_phishing")), "ko")
    assert (raw["threatened"], raw["money_demanded"]) == (True, True)
    raw, _ = form.submission_of(typed(), "ko")
    assert not {"threatened", "money_demanded"} & set(raw)


@pytest.mark.parametrize(
    ("more", "offered"),
    [
        ({}, True),
        ({"age_band": "19_24"}, True),
        ({"role": "representative"}, False),
        ({"role": "third_party"}, False),
        ({"age_band": "under_14"}, False),
        ({"age_band": "14_18"}, False),
        ({"harm_types": ("synthesis", "child_material")}, False),
        ({"harm_types": "online_grooming"}, False),
    ],
)
def test_fingerprints_are_offered_to_the_adult_in_the_picture_alone(more: dict[str, Any], offered: bool) -> None:
    answers = typed(**more)
    step = steps.step("seen")
    assert step is not None
    assert ("marks" in step.asked(answers)) is offered
    assert ("marks" in steps.counting(typed(**more, marks="a" * 64)).values) is offered


def test_no_advice_leads_anybody_to_keep_or_open_what_may_show_a_child() -> None:
    for slug, note in advice.NOTES.items():
        items = [item for part in note.parts for item in part.items]
        if any("screenshot" in item and item != advice.UNDER_19 for item in items) and slug != "browser":
            assert advice.UNDER_19 in items, slug
    younger = " ".join(item for part in advice.NOTES["younger"].parts for item in part.items)
    assert "screenshot" not in younger
    assert "Do not delete" not in younger


def test_a_short_path_says_what_entering_it_says_and_loses_nothing() -> None:
    now, young = steps.first("now"), steps.first("young")
    begun = steps.taken(Typed(), "now", Typed({"money_demanded": ("yes",)}))
    assert begun.values == {
        "role": ("victim",),
        "harm_types": ("distribution_threat",),
        "path": ("now",),
        "money_demanded": ("yes",),
    }
    known = typed(harm_types="synthesis", narrative="kept")
    assert steps.entered(known, now).all("harm_types") == ("synthesis", "distribution_threat")
    assert steps.entered(known, young).one("narrative") == "kept"
    assert steps.open_step(steps.entered(Typed(), now)) is None
    other = steps.taken(begun, "who", Typed({"role": ("representative",)}))
    assert "path" not in other.values, "both short paths are for who was harmed"


def test_the_page_for_who_is_threatened_ticks_one_kind_of_harm_and_leaves_the_others() -> None:
    known = steps.taken(typed(harm_types=("distribution", "other")), "now", Typed({"harm_types": ("synthesis", "x")}))
    assert known.all("harm_types") == ("distribution", "other", "distribution_threat", "synthesis")
    assert steps.taken(known, "now", Typed()).all("harm_types") == ("distribution", "other", "distribution_threat")
    assert steps.place_of("harm_types", known) == "what", "where each of them can be changed"
    assert [one.slug for one, fields in steps.shown(known) if "harm_types" in fields] == ["what"]


def test_a_question_beside_the_path_leads_back_to_the_last_page() -> None:
    answers = typed(path="now")
    assert (steps.after("words", answers), steps.before("words", answers)) == (steps.CHECK, steps.CHECK)
    assert steps.place_of("phone", answers) == "now-contact"
    assert steps.place_of("narrative", answers) == "words"


@pytest.mark.parametrize(
    ("more", "slug", "shown"),
    [
        ({}, "who", (1, 12)),
        ({"division": "jeonnam-gwangju", "contact_channels": "text"}, "what", (2, 15)),
        ({}, steps.CHECK, (12, 12)),
        ({"path": "now"}, "now-contact", (2, 3)),
        ({"path": "now"}, "words", None),
    ],
)
def test_progress_is_the_page_and_how_many_there_are(
    more: dict[str, Any], slug: str, shown: tuple[int, int] | None
) -> None:
    assert steps.progress(slug, typed(**more)) == shown


def test_every_question_stands_once_on_the_last_page() -> None:
    for path in steps.PATHS:
        found = [name for _, fields in steps.shown(typed(path=path, contact_channels="phone")) for name in fields]
        assert len(found) == len(set(found))
        assert {"role", "harm_types", "narrative", "phone"} <= set(found)
