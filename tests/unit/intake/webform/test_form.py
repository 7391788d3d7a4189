from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from pydantic import ValidationError

from services.intake import problems as refusals
from services.intake.receipts import views as receipt_views
from services.intake.reports.models import State, StatusAnswer
from services.intake.submissions import text
from services.intake.submissions.models import Submission
from services.intake.webform import form, typed_links, words
from shared.events.vocabulary import Channel, ContactChannel, HarmType, Role
from shared.web.form_body import Typed, read
from shared.web.problems import Problem

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
    raw, problems = form.submission_of(read(urlencode(pairs).encode()), "ko")
    assert problems == []
    return Submission.model_validate_json(orjson.dumps(raw))


def test_accounts_are_read_line_by_line_and_what_is_wrong_is_said_at_their_field() -> None:
    accounts = "텔레그램 @bad_guy\r\n\r\n  https://x.com/bad_guy \r\n010-0000-0000"
    report = submission([*FULL, ("accounts", accounts)])
    assert report.offender_handles == ("텔레그램 @bad_guy", "https://x.com/bad_guy", "010-0000-0000")
    for typed, said in (
        ("\n".join(f"@account{n}" for n in range(11)), "Give at most 10 accounts; more can be added later."),
        (
            "@one\n\n@" + "a" * 100,
            f"Line 3 is longer than 100 characters: “@{'a' * 39}…”. One on each line, please.",
        ),
        (
            "@one\nTelegram 900101-1234568",
            "There seems to be a resident registration number in line 2. By law it cannot be kept: please remove it.",
        ),
    ):
        assert problems_of([*FULL, ("accounts", typed)]) == [("accounts", said)]


NO_LINK = "Line {} is no link we can read: “{}”. A link looks like https://example.com/post, an account like @name."


def problems_of(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Control and English sentence of everything that is wrong with a form."""
    typed = read(urlencode(pairs).encode())
    raw, _ = form.submission_of(typed, "ko")
    with pytest.raises(ValidationError) as refused:
        Submission.model_validate_json(orjson.dumps(raw))
    errors = refusals.from_errors(refused.value).errors
    found = form.problems_of(((error.field, error.reason) for error in errors), typed)
    return [(problem.control, problem.said(str)) for problem in found]


def without(name: str) -> list[tuple[str, str]]:
    return [pair for pair in FULL if pair[0] != name]


def test_what_is_written_beside_links_goes_where_it_belongs() -> None:
    box = (
        "1. t.me/abcd\n@first_one\n\n텔레그램 @bad_guy\nhttps://example.com/2 여기 3분쯤에 나와요\n"
        "네이버에 제 별명을 치면 나와요\nwww.example.org/a에서 봤어요, x.com/b"
    )
    report = submission([*without("urls"), ("urls", box), ("accounts", "@own"), ("search_words", "달빛")])
    assert report.urls == (
        "https://t.me/abcd",
        "https://example.com/2",
        "https://www.example.org/a",
        "https://x.com/b",
    )
    assert report.offender_handles == ("@own", "@first_one", "텔레그램 @bad_guy")
    assert report.search_words == "달빛, 여기 3분쯤에 나와요, 네이버에 제 별명을 치면 나와요, 봤어요"


@pytest.mark.parametrize(
    ("box", "control", "said"),
    [
        (
            "https://example.com/1\n\njavascript:alert(1)",
            "urls",
            NO_LINK.format(3, "javascript:alert(1)"),
        ),
        (
            "t.me/a\nhttp://",
            "urls",
            NO_LINK.format(2, "http://"),
        ),
        (
            "t.me/abcd\n제 번호는 900101-1234567",
            "urls",
            "There seems to be a resident registration number in line 2. By law it cannot be kept: please remove it.",
        ),
        (
            "https://example.com/?id=900101-1234567",
            "urls",
            "There seems to be a resident registration number in line 1. By law it cannot be kept: please remove it.",
        ),
        (
            "https://example.com/" + "a" * 2000,
            "urls",
            f"Line 1 is longer than 2,000 characters: “https://example.com/{'a' * 20}…”",
        ),
        (
            "@one_two 900101-1234567",
            "urls",
            "There seems to be a resident registration number in line 1. By law it cannot be kept: please remove it.",
        ),
        (
            "\n".join(["참 긴 이야기예요. " * 8] * 5),
            "urls",
            form._WORDS_TOO_LONG,
        ),
        (
            "\n".join(f"https://example.com/{n}" for n in range(21)),
            "urls",
            "Give at most 20 links; more can be added later.",
        ),
    ],
)
def test_a_bad_line_is_named_at_the_box_it_was_typed_in(box: str, control: str, said: str) -> None:
    assert problems_of([*without("urls"), ("urls", box)]) == [(control, said)]


def test_the_box_for_links_is_read_once_whatever_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    # As long as a form and read for each of its fields, it kept intake busy for half a minute.
    read_boxes: list[str] = []
    real = typed_links.read

    def counted(box: str) -> typed_links.Seen:
        read_boxes.append(box)
        return real(box)

    monkeypatch.setattr(typed_links, "read", counted)
    errors = [("urls.0", "too_long"), ("offender_handles.0", "too_long"), ("search_words", "too_long"), ("role", "x")]
    form.problems_of(errors, Typed({"urls": ("a\n" * 100,)}))
    assert len(read_boxes) == 1


def test_words_that_are_too_long_are_not_searched_for_what_no_text_may_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    # Made for texts of 4,000 characters; the words beside the links may be as long as the form.
    searched: list[str] = []
    monkeypatch.setattr(text, "refused", searched.append)
    typed = Typed({"urls": ("말 " * 3_100,), "search_words": ("가" * 301,)})
    [problem] = form.problems_of([("search_words", "too_long")], typed)
    assert problem.control == "search_words"
    assert searched == []


def test_a_box_for_links_that_holds_more_than_a_report_is_refused_there() -> None:
    typed = Typed({"role": ("victim",), "harm_types": ("other",), "urls": ("a\n" * 20_000,)})
    with pytest.raises(Problem) as refused:
        refusals.parsed(form.submission_of(typed, "ko")[0], Submission)
    [problem] = form.problems_of(((e.field, e.reason) for e in refused.value.errors), typed)
    assert problem.control == "urls"
    assert "too long" in problem.message


def test_what_is_wrong_with_the_search_words_themselves_is_said_there() -> None:
    own = ("search_words", "900101-1234567")
    assert problems_of([*without("urls"), ("urls", "t.me/abcd 여기예요"), own]) == [
        ("search_words", form._ANYWHERE["resident_registration_number"])
    ]
    long = ("search_words", "가" * 301)
    assert problems_of([*without("urls"), ("urls", "t.me/abcd 여기예요"), long]) == [
        ("search_words", "Shorten the search words to 300 characters.")
    ]


def test_words_beside_the_links_of_an_addition_go_with_its_text() -> None:
    typed = Typed({"urls": ("t.me/abcd 두 번째 글이에요\n@other_one",), "narrative": ("또 올라왔어요",)})
    assert form.addition_of(typed) == {
        "urls": ["https://t.me/abcd"],
        "offender_handles": ["@other_one"],
        "narrative": "또 올라왔어요\n\n두 번째 글이에요",
    }


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
    typed = read(urlencode(FULL).encode())
    assert typed.one("narrative") == "첫 줄\n둘째 줄"
    assert typed.all("harm_types") == ("synthesis", "distribution")
    assert (typed.one("absent"), typed.all("absent")) == ("", ())


@pytest.mark.parametrize("body", [b"a=%ff", b"&".join([b"a=1"] * 101), b"\xff"])
def test_what_no_form_of_ours_sent_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read(body)


def test_a_deadline_that_is_none_is_said() -> None:
    _, problems = form.submission_of(Typed({"threat_deadline": ("tomorrow",)}), "ko")
    assert [problem.control for problem in problems] == ["threat_deadline"]


def test_the_box_for_the_status_is_part_of_the_submission_and_its_word_is_asked_for() -> None:
    guarded, _ = form.submission_of(Typed({"word": ("rain coat",), "word_for_status": ("yes",)}), "ko")
    assert guarded["word_for_status"] is True
    assert form.submission_of(Typed({"word": ("rain coat",)}), "ko")[0]["word_for_status"] is False
    [problem] = form.problems_of([("word", "needs_word")])
    assert (problem.control, "clear the box" in problem.message) == ("word", True)


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
    assert set(receipt_views.TITLES) == set(receipt_views.NEXT) == set(State)
    answer = StatusAnswer.model_validate(
        {"state": "assigned", "since": "2026-11-24T12:00:00Z", "received_at": "2026-11-24T12:00:00Z"}
    )
    assert [step.at is not None for step in receipt_views.steps_of(answer)] == [True, *[False] * 5]
