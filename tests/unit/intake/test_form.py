from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from pydantic import ValidationError

from services.intake import refusals
from services.intake.model.report import State, StatusAnswer
from services.intake.model.submission import Submission
from services.intake.rendering import form, standing, words
from services.intake.rendering.form import Typed
from shared.events.vocabulary import Channel, ContactChannel, HarmType, Role

FULL = [
    ("idempotency_key", "x" * 32),
    ("role", "representative"),
    ("harm_types", "synthesis"),
    ("harm_types", "distribution"),
    ("division", "jeonnam-gwangju"),
    ("district", "12210"),
    ("threatened", "yes"),
    ("money_demanded", "no"),
    ("still_spreading", ""),
    ("threat_deadline", "2026-11-25T21:00"),
    ("narrative", "첫 줄\r\n둘째 줄"),
    ("urls", "https://example.com/1\r\n\r\n  https://example.com/2  \r\n"),
    ("contact_channels", "text"),
    ("contact_name", "달"),
    ("phone", "010-0000-0000"),
    ("email", ""),
    ("hours", ""),
    ("not_safe", ""),
    ("relation", "lineal"),
    ("victim_knows", "yes"),
    ("victim_agrees", ""),
    ("declined_centers", "jeonnam"),
    ("consents", "personal"),
    ("age_band", "14_18"),
    ("gender", ""),
]


def submission(pairs: list[tuple[str, str]]) -> Submission:
    raw, problems = form.submission_of(form.read(urlencode(pairs).encode()), "ko")
    assert problems == []
    return Submission.model_validate_json(orjson.dumps(raw))


def test_accounts_are_read_line_by_line_and_what_is_wrong_is_said_at_their_field() -> None:
    accounts = "텔레그램 @bad_guy\r\n\r\n  https://x.com/bad_guy \r\n010-0000-0000"
    report = submission([*FULL, ("accounts", accounts)])
    assert report.offender_handles == ("텔레그램 @bad_guy", "https://x.com/bad_guy", "010-0000-0000")
    for typed, said in (
        ("\n".join(f"@account{n}" for n in range(11)), "Give at most 10 accounts; more can be added later."),
        ("@" + "a" * 100, "One of the accounts is longer than 100 characters. One on each line, please."),
        ("Telegram 900101-1234568", form._ANYWHERE["resident_registration_number"]),
    ):
        raw, _ = form.submission_of(form.read(urlencode([*FULL, ("accounts", typed)]).encode()), "ko")
        with pytest.raises(ValidationError) as refused:
            Submission.model_validate_json(orjson.dumps(raw))
        errors = refusals.from_errors(refused.value).errors
        assert form.problems_of((e.field, e.reason) for e in errors) == [form.FieldProblem("accounts", said)]


def test_a_filled_form_is_the_submission_it_means() -> None:
    report = submission(FULL)
    assert (report.role, report.channel, report.language) == (Role.REPRESENTATIVE, Channel.WEB, "ko")
    assert report.harm_types == (HarmType.SYNTHESIS, HarmType.DISTRIBUTION)
    assert (report.threatened, report.money_demanded, report.still_spreading) == (True, False, None)
    assert report.threat_deadline is not None
    assert report.threat_deadline.isoformat() == "2026-11-25T21:00:00+09:00"
    assert report.narrative == "첫 줄\n둘째 줄"
    assert report.urls == ("https://example.com/1", "https://example.com/2")
    assert (report.contact.channels, report.contact.name) == ((ContactChannel.TEXT,), "달")
    assert report.on_behalf is not None
    assert (report.on_behalf.victim_knows, report.on_behalf.victim_agrees) == (True, None)
    assert report.consents is not None
    assert (report.consents.version, report.consents.personal, report.consents.sensitive) == (
        words.CONSENT_VERSION,
        True,
        False,
    )
    assert report.declined_centers == ("jeonnam",)


def test_two_answers_are_enough() -> None:
    report = submission([("role", "victim"), ("harm_types", "other"), ("relation", ""), ("victim_knows", "")])
    assert (report.on_behalf, report.consents, report.narrative) == (None, None, None)


def test_what_was_typed_is_kept_as_it_came() -> None:
    typed = form.read(urlencode(FULL).encode())
    assert typed.one("narrative") == "첫 줄\n둘째 줄"
    assert typed.all("harm_types") == ("synthesis", "distribution")
    assert (typed.one("absent"), typed.all("absent")) == ("", ())


@pytest.mark.parametrize("body", [b"a=%ff", b"&".join([b"a=1"] * 101), b"\xff"])
def test_what_no_form_of_ours_sent_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        form.read(body)


def test_a_deadline_that_is_none_is_said() -> None:
    _, problems = form.submission_of(Typed({"threat_deadline": ("tomorrow",)}), "ko")
    assert [problem.control for problem in problems] == ["threat_deadline"]


def test_each_control_is_named_once_and_by_its_own_name() -> None:
    errors = [
        ("urls.3", "not_a_web_address"),
        ("urls.4", "not_a_web_address"),
        ("contact.phone", "needs_phone"),
        ("contact.channels.0", "not_allowed"),
        ("on_behalf", "only_for_representatives"),
        ("narrative", "resident_registration_number"),
        ("gender", "not_allowed"),
    ]
    found = form.problems_of(errors)
    controls = ["urls", "phone", "contact_channels", "relation", "narrative", "gender"]
    assert [problem.control for problem in found] == controls
    assert len({problem.message for problem in found}) == len(found) - 1  # two are "please check"


@pytest.mark.parametrize(
    ("offered", "vocabulary"),
    [
        (words.ROLES, Role),
        (words.HARMS, HarmType),
        (words.CHANNELS, ContactChannel),
    ],
)
def test_every_word_of_the_vocabulary_is_offered(offered: Any, vocabulary: Any) -> None:
    assert {value for value, *_ in offered} == set(vocabulary)


def test_options_are_translated_and_empty_hints_stay_empty() -> None:
    shown = form.options(words.ROLES, str.upper)
    assert shown[0] == ("victim", "IT HAPPENED TO ME", "")


def test_every_state_has_its_sentences_and_steps_their_times() -> None:
    assert set(standing.TITLES) == set(standing.NEXT) == set(State)
    answer = StatusAnswer.model_validate(
        {"state": "assigned", "since": "2026-11-24T12:00:00Z", "received_at": "2026-11-24T12:00:00Z"}
    )
    assert [step.at is not None for step in standing.steps_of(answer)] == [True, False, False, False, False]
