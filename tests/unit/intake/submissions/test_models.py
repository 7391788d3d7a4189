import base64
import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from services.intake import problems
from services.intake.examples import EXAMPLES
from services.intake.phone import scripts
from services.intake.submissions.models import ConsentVersion, Submission
from services.intake.webform import words
from shared.centers import CENTER_IDS
from shared.events.vocabulary import HarmType, Role
from shared.web.app import Problem
from shared.web.json_body import validated
from shared.web.problems import MOST_ERRORS

LEAST: dict[str, Any] = {"role": "victim", "harm_types": ["other"]}
NUMBER = "900101-1234567"
PICTURE = base64.b64encode(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(range(60))).decode()

TEXT_FIELDS: dict[str, Callable[[str], dict[str, Any]]] = {
    "narrative": lambda text: {"narrative": text},
    "urls.0": lambda text: {"urls": ["https://example.com/" + text]},
    "contact.name": lambda text: {"contact": {"name": text}},
    "contact.hours": lambda text: {"contact": {"hours": text}},
    "contact.not_safe": lambda text: {"contact": {"not_safe": text}},
    "contact.email": lambda text: {"contact": {"email": text + "@example.com"}},
    "contact.phone": lambda text: {"contact": {"phone": text}},
    "division": lambda text: {"division": text},
}


def refused(extra: dict[str, Any]) -> Problem:
    with pytest.raises(Problem) as caught:
        read_bytes(json.dumps({**LEAST, **extra}).encode())
    return caught.value


def read(extra: dict[str, Any]) -> Submission:
    return read_bytes(json.dumps({**LEAST, **extra}).encode())


def read_bytes(body: bytes) -> Submission:
    try:
        return validated(body, Submission)
    except ValidationError as error:
        raise problems.from_errors(error) from None


def said(problem: Problem) -> set[tuple[str, str]]:
    return {(error.field, error.reason) for error in problem.errors}


def everything(problem: Problem) -> str:
    return f"{problem.detail} {problem.values} {[error.model_dump() for error in problem.errors]}"


def test_only_role_and_harm_are_compulsory() -> None:
    assert read({}).contact.channels == ()
    assert said(refused({"role": None})) == {("role", "not_allowed")}
    with pytest.raises(Problem) as caught:
        read_bytes(b"{}")
    assert said(caught.value) == {("role", "required"), ("harm_types", "required")}


@pytest.mark.parametrize("body", [b"", b"{", b"nul", b"\xff\xfe", b'{"role": "victim",}'])
def test_what_is_not_json_is_400(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read_bytes(body)
    assert (caught.value.status_code, caught.value.code) == (400, "not_json")


@pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null"])
def test_json_that_is_no_object_is_422(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        read_bytes(body)
    assert caught.value.status_code == 422


@pytest.mark.parametrize("field", TEXT_FIELDS)
@pytest.mark.parametrize(
    ("text", "reason"),
    [(NUMBER, "resident_registration_number"), (PICTURE, "media_bytes"), ("a\x00b", "control_character")],
)
def test_no_text_field_takes_numbers_media_or_control_characters(field: str, text: str, reason: str) -> None:
    problem = refused(TEXT_FIELDS[field](text))
    assert problem.status_code == 422
    found = said(problem)
    if (field, reason) not in found:
        # Short fields may refuse it for its length or form first; what matters is that it is refused there.
        assert {place for place, _ in found} == {field}
        assert reason == "media_bytes" or field == "contact.email"
    assert text not in everything(problem)


@pytest.mark.parametrize(
    ("extra", "field", "reason"),
    [
        ({"harm_types": []}, "harm_types", "too_few"),
        ({"harm_types": ["murder"]}, "harm_types.0", "not_allowed"),
        ({"narrative": "가" * 4001}, "narrative", "too_long"),
        ({"urls": ["https://example.com"] * 21}, "urls", "too_many"),
        ({"urls": ["https://example.com/" + "a" * 2000]}, "urls.0", "too_long"),
        ({"urls": ["ftp://example.com"]}, "urls.0", "not_a_web_address"),
        ({"urls": ["javascript:alert(1)"]}, "urls.0", "not_a_web_address"),
        ({"urls": ["https://"]}, "urls.0", "not_a_web_address"),
        ({"urls": ["https://a b.com"]}, "urls.0", "not_a_web_address"),
        ({"urls": ["http://[::1"]}, "urls.0", "not_a_web_address"),
        ({"urls": ["data:image/png;base64,AAAA"]}, "urls.0", "media_bytes"),
        ({"fingerprints": ["xyz"]}, "fingerprints.0", "wrong_form"),
        ({"fingerprints": ["a" * 64] * 21}, "fingerprints", "too_many"),
        ({"declined_centers": ["atlantis"]}, "declined_centers.0", "unknown_center"),
        ({"declined_centers": list(CENTER_IDS)}, "declined_centers", "declines_every_center"),
        ({"on_behalf": {"relation": "spouse"}}, "on_behalf", "only_for_representatives"),
        ({"word_for_status": True}, "word", "needs_word"),
        ({"word_for_status": True, "word": " "}, "word", "needs_word"),
        ({"contact": {"channels": ["phone"]}}, "contact.phone", "needs_phone"),
        ({"contact": {"channels": ["email"]}}, "contact.email", "needs_email"),
        (
            {"contact": {"channels": ["message_here", "text"], "phone": "010-0000-0000"}},
            "contact.channels",
            "only_here",
        ),
        ({"contact": {"phone": "12"}}, "contact.phone", "not_a_phone_number"),
        ({"contact": {"phone": "010-1234-56"}}, "contact.phone", "not_a_phone_number"),
        ({"contact": {"phone": "010-1234-56789"}}, "contact.phone", "not_a_phone_number"),
        ({"contact": {"phone": "+82 10-1234-567"}}, "contact.phone", "not_a_phone_number"),
        ({"contact": {"phone": "+82 (0)10 1234 567"}}, "contact.phone", "not_a_phone_number"),
        ({"contact": {"email": "x"}}, "contact.email", "not_an_email_address"),
        ({"contact": {"name": "a\nb"}}, "contact.name", "control_character"),
        ({"still_spreading": "yes"}, "still_spreading", "wrong_type"),
        ({"threat_deadline": "2026-11-25T21:00:00"}, "threat_deadline", "invalid"),
        ({"language": "korean"}, "language", "wrong_form"),
        ({"district": "1"}, "district", "wrong_form"),
        ({"attachment": "x"}, "attachment", "unknown_field"),
        ({"contact": {"address": "x"}}, "contact.address", "unknown_field"),
        ({"consents": {}}, "consents.version", "required"),
        ({"consents": {"version": "홍길동".encode().hex()}}, "consents.version", "not_allowed"),
        ({"consents": {"version": "2019-01"}}, "consents.version", "not_allowed"),
        ({"narrative": "\ufdfa" * 100}, "narrative", "swelling_characters"),
        ({"harm_types": ["murder"] * 5000}, "harm_types.0", "not_allowed"),
        ({"urls": ["x"] * 5000}, "urls.0", "not_a_web_address"),
        ({"fingerprints": ["x"] * 5000}, "fingerprints.0", "wrong_form"),
        ({"declined_centers": ["x"] * 5000}, "declined_centers.0", "unknown_center"),
        ({"contact": {"channels": ["x"] * 5000}}, "contact.channels.0", "not_allowed"),
    ],
)
def test_every_refusal_names_field_and_reason(extra: dict[str, Any], field: str, reason: str) -> None:
    assert said(refused(extra)) == {(field, reason)}


def test_whoever_left_number_and_address_empty_is_told_of_both() -> None:
    empty = refused({"contact": {"channels": ["text", "email"], "phone": " "}})
    assert said(empty) == {("contact.phone", "needs_phone"), ("contact.email", "needs_email")}


def test_a_refusal_names_a_bounded_number_of_fields() -> None:
    problem = refused({f"field_{number}": 1 for number in range(1000)})
    assert len(problem.errors) == MOST_ERRORS


def test_a_refusal_repeats_no_value_and_only_names_that_reach_nobody() -> None:
    problem = refused(
        {
            "narrative": {"카나리아": "canary"},
            "010-1234-5678": "canary",
            "이름": "canary",
            "role": "canary",
            "division": "canary" * 20,
        }
    )
    assert "canary" not in everything(problem)
    assert "카나리아" not in everything(problem)
    assert "1234" not in everything(problem)
    assert {("이름", "unknown_field"), ("?", "unknown_field")} <= said(problem)


def test_a_field_that_is_there_twice_is_refused() -> None:
    with pytest.raises(Problem) as caught:
        read_bytes(b'{"role": "victim", "harm_types": ["other"], "contact": {"name": "a", "name": "b"}}')
    assert (caught.value.status_code, said(caught.value)) == (422, {("contact.name", "duplicate_field")})


def test_a_wrong_choice_is_answered_with_the_right_ones() -> None:
    [error] = refused({"consents": {"version": "2019-01"}}).errors
    assert error.allowed == list(get_args(ConsentVersion))
    [error] = refused({"role": "bystander"}).errors
    assert error.allowed == [role.value for role in Role]


@pytest.mark.parametrize(
    ("field", "word"),
    [
        *((name, "of_a_later_build") for name in ("role", "channel", "gender", "relationship", "platform_kind")),
        ("role", "unknown"),
        ("channel", "unknown"),
    ],
)
def test_open_vocabularies_are_closed_to_those_who_report(field: str, word: str) -> None:
    [error] = refused({field: word}).errors
    assert error.field == field
    assert error.allowed


@pytest.mark.parametrize("word", ["of_a_later_build", "unknown"])
def test_a_harm_type_that_is_not_known_is_refused(word: str) -> None:
    [error] = refused({"harm_types": ["synthesis", word]}).errors
    assert (error.field, error.allowed) == ("harm_types.1", [harm.value for harm in HarmType])


def test_every_wording_that_is_shown_or_read_out_is_a_known_version() -> None:
    assert {words.CONSENT_VERSION, scripts.VERSION} <= set(get_args(ConsentVersion))


def test_an_error_of_the_model_itself_hides_the_input() -> None:
    with pytest.raises(ValueError, match="validation error") as caught:
        Submission.model_validate_json(json.dumps({**LEAST, "narrative": NUMBER}))
    assert NUMBER not in str(caught.value)


def test_empty_texts_are_as_if_left_out() -> None:
    report = read({"narrative": "  ", "division": "", "contact": {"name": " ", "phone": "", "email": " "}})
    assert (report.narrative, report.division, report.contact.name, report.contact.phone) == (None, None, None, None)


@pytest.mark.parametrize(
    "phone", ["010-1234-5678", "+82 10 1234 5678", "+82 (0)10-1234-5678", "02-735-8994", "(063) 717-1366", "1577-1366"]
)
def test_phone_numbers_as_people_write_them_are_taken(phone: str) -> None:
    assert read({"contact": {"channels": ["text"], "phone": phone}}).contact.phone == phone


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("8201012345678", "8201012345678"),
        ("8203112345678", "8203112345678"),
        ("82 010 1234 5678", "82 010 1234 5678"),
        ("\u202a010-1234-5678\u202c", "010-1234-5678"),
        ("\u2068+82 10-1234-5678\u2069", "+82 10-1234-5678"),
        ("０１０－１２３４－５６７８", "010-1234-5678"),
        ("٠١٠ ١٢٣٤ ٥٦٧٨", "010 1234 5678"),
        ("010\u20111234\u20115678", "010-1234-5678"),
        ("010\u00a01234\u00a05678", "010 1234 5678"),
        ("010\u200b1234\u200b5678", "01012345678"),
        ("8613812345678", "8613812345678"),
    ],
)
def test_a_phone_number_is_kept_as_it_is_dialled(typed: str, kept: str) -> None:
    assert read({"contact": {"channels": ["text"], "phone": typed}}).contact.phone == kept


@pytest.mark.parametrize(
    "typed", ["820101-2345678", "9001011234567", "+900101-1234567", "900101 1234567", "0101013123456", "900101.1234567"]
)
def test_a_registration_number_is_no_phone_number(typed: str) -> None:
    assert said(refused({"contact": {"phone": typed}})) == {("contact.phone", "resident_registration_number")}


def test_an_address_without_its_scheme_is_completed_and_a_handle_is_refused_by_its_place() -> None:
    assert read({"urls": ["t.me/abcd", "https://example.com/1"]}).urls == ("https://t.me/abcd", "https://example.com/1")
    assert said(refused({"urls": ["https://example.com/1", "@handle"]})) == {("urls.1", "not_a_web_address")}


def test_what_word_processors_and_telephones_add_is_not_kept() -> None:
    report = read(
        {
            "narrative": "첫 쪽\x0c둘째 쪽\x0b\u202a010-1234-5678\u202c 👩\u200d👧",
            "offender_handles": ["\u2068@bad_guy\u2069", "8201012345678"],
            "urls": ["https://example.com/\u200bpost\u2060/1"],
            "contact": {"hours": "저녁\x0b7시", "email": "me\u200b@example.com"},
        }
    )
    assert report.narrative == "첫 쪽\n둘째 쪽\n010-1234-5678 👩\u200d👧"
    assert report.offender_handles == ("@bad_guy", "8201012345678")
    assert report.urls == ("https://example.com/post/1",)
    assert (report.contact.hours, report.contact.email) == ("저녁 7시", "me@example.com")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_documented_examples_are_accepted(name: str) -> None:
    assert read_bytes(json.dumps(EXAMPLES[name]["value"]).encode())
