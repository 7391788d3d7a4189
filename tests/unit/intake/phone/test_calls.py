"""What may be done with a call, what is kept of it, and what is read aloud: decided without store or clock."""

import hashlib
from datetime import timedelta
from pathlib import Path

from services.intake.encryption.keys import KeyedDigests
from services.intake.links import rules as link_rules
from services.intake.phone import forms as call_forms
from services.intake.phone import rules as call_rules
from services.intake.phone import scripts
from services.intake.phone import words as call_words
from services.intake.phone.models import Assent, Call, CallEnding, CallState, Notes
from services.intake.phone.reading import read
from services.intake.phone.rules import Act, CallRefusal, judge
from services.intake.reports import receipt_numbers
from services.intake.staff_access import words as staff_words
from services.intake.webform import form, steps
from shared.events.vocabulary import Channel
from shared.web import translations
from shared.web.form_body import Typed
from tests.unit.intake.retention.test_erasure import NOW

LATER = NOW + timedelta(minutes=5)
CALL = Call("one", CallState.OPEN, "s-first", "busan", NOW, NOW + call_rules.KEPT)
OFFERED = call_rules.offered(CALL, NOW)
LOCALE = Path(call_forms.__file__).parents[1] / "locale"
WORDINGS = {"2026-11-25": "5e7b005c", "2026-11-27": "59c68e50"}
"""Digests of the texts of consent in both languages, by version. A text that changes needs a version of its own."""


def by_first(call: Call, act: Act) -> CallRefusal | None:
    return judge(call, act, "s-first", "busan")


def by_second(call: Call, act: Act) -> CallRefusal | None:
    return judge(call, act, "s-second", "busan")


def test_a_call_is_its_holders_alone() -> None:
    assert {by_first(CALL, act) for act in Act} == {None}
    assert {by_second(CALL, act) for act in Act if act is not Act.TAKE} == {CallRefusal.TAKEN}
    assert by_second(CALL, Act.TAKE) is CallRefusal.NOT_OFFERED
    assert {by_second(OFFERED, act) for act in Act if act is not Act.TAKE} == {CallRefusal.TAKEN}
    assert by_second(OFFERED, Act.TAKE) is None


def test_other_offices_are_told_that_there_is_none() -> None:
    for act in Act:
        assert judge(OFFERED, act, "s-first", "jeju") is CallRefusal.UNKNOWN
        assert judge(None, act, "s-first", "busan") is CallRefusal.UNKNOWN


def test_whoever_takes_it_has_it_and_the_first_does_not() -> None:
    taken = call_rules.taken(OFFERED, "s-second", LATER)
    assert (taken.holder, taken.offered_at, taken.taken, taken.version) == ("s-second", None, 1, OFFERED.version + 1)
    assert by_first(taken, Act.SAVE) is CallRefusal.TAKEN
    assert by_second(taken, Act.SAVE) is None
    own = call_rules.taken(OFFERED, "s-first", LATER)
    assert (own.holder, own.offered_at, own.taken) == ("s-first", None, 0)


def test_what_is_being_sent_does_not_change_and_cannot_be_offered_or_ended() -> None:
    sending = call_rules.sending(OFFERED, LATER)
    assert sending.offered_at is None
    assert {act for act in Act if by_first(sending, act) is None} == {Act.LOOK}
    assert by_second(sending, Act.TAKE) is CallRefusal.NOT_OFFERED
    assert call_rules.overdue(sending, NOW + timedelta(days=30)) is None
    sent = call_rules.sent(sending, LATER)
    assert {act for act in Act if by_first(sent, act) is None} == {Act.LOOK, Act.END}
    assert by_first(sent, Act.SAVE) is CallRefusal.SENT
    assert call_rules.overdue(sent, sent.until) is CallEnding.SENT
    assert by_first(call_rules.reopened(sending, LATER), Act.SAVE) is None


def test_what_ended_by_itself_comes_back_only_with_the_whole_page_and_what_was_ended_never() -> None:
    over = call_rules.counted(CALL, CALL.until)
    assert (over.state, over.ending, over.version) == (CallState.ENDED, CallEnding.ABANDONED, CALL.version)
    assert {act for act in Act if by_first(over, act) is None} == {Act.LOOK, Act.SAVE_ALL}
    back = call_rules.saved(over, LATER)
    assert (back.state, back.ending, back.until) == (CallState.OPEN, None, LATER + call_rules.KEPT)
    for how in (CallEnding.STOPPED, CallEnding.SENT):
        ended = call_rules.ended(CALL, how, LATER)
        assert by_first(ended, Act.SAVE_ALL) is CallRefusal.ENDED
    assert call_rules.counted(CALL, CALL.until - timedelta(seconds=1)) is CALL


def test_looking_lengthens_only_what_is_open() -> None:
    assert call_rules.looked(CALL, LATER).until == LATER + call_rules.KEPT
    sent = call_rules.sent(call_rules.sending(CALL, NOW), NOW)
    assert call_rules.looked(sent, LATER) is sent


def test_assent_names_who_read_what_when_and_is_kept_while_nothing_changes() -> None:
    first = call_rules.assented(Notes(), {"consents": ("personal",)}, "ko:2026-11-25", "s-first", NOW)
    assert first == Assent(version="2026-11-25", language="ko", by="s-first", at=NOW)
    before = Notes({"consents": ("personal",)}, first)
    same = call_rules.assented(before, {"consents": ("personal",), "hours": ("x",)}, "ko:2026-11-25", "s-second", LATER)
    assert same == first
    for answers, said in (({"consents": ()}, "ko:2026-11-25"), ({"consents": ("personal",)}, "en:2026-11-25")):
        anew = call_rules.assented(before, answers, said, "s-second", LATER)
        assert anew is not None
        assert (anew.by, anew.at) == ("s-second", LATER)
    assert call_rules.assented(before, before.answers, "", "s-second", LATER) is None


def test_the_page_asks_everything_the_form_asks() -> None:
    assert {control for one in steps.STEPS for control in one.controls} | set(steps.LAST) < set(call_forms.CONTROLS)


def test_of_a_request_only_the_fields_it_is_about_are_taken() -> None:
    known = {"narrative": ("first",), "hours": ("evening",)}
    quick = Typed({"only": ("hours", "no such field"), "hours": ("",), "narrative": ("not meant",)})
    assert call_forms.named(quick) == ("hours",)
    assert call_forms.taken(known, quick, call_forms.named(quick)).values == {"narrative": ("first",)}
    whole = Typed({"narrative": ("second",), "go": ("save",)})
    assert call_forms.taken(known, whole, call_forms.named(whole)).values == {"narrative": ("second",)}


def test_what_is_only_missing_does_not_keep_anything_back() -> None:
    typed = Typed({"contact_channels": ("phone",), "narrative": ("900101-1234567",)})
    submission, problems = read(typed, None, NOW)
    assert submission is None
    assert {problem.control for problem in problems} >= {"role", "harm_types", "narrative"}
    refused = call_forms.refused(typed, call_forms.CONTROLS, problems)
    assert [problem.control for problem in refused] == ["narrative"]
    kept = call_forms.without(typed, {"narrative": ("before",)}, {"narrative"})
    assert kept.values == {"contact_channels": ("phone",), "narrative": ("before",)}
    assert "narrative" not in call_forms.without(typed, {}, {"narrative"}).values


def test_a_submission_of_a_call_is_by_phone_in_the_callers_language_and_consent_needs_reading() -> None:
    least = {"role": ("victim",), "harm_types": ("other",), "consents": ("personal",)}
    submission, problems = read(Typed(least), None, NOW)
    assert submission is None
    assert [problem.control for problem in problems] == ["assent"]
    assent = Assent(version=scripts.VERSION, language="en", by="s-first", at=NOW)
    submission, problems = read(Typed({**least, "assent": (f"en:{scripts.VERSION}",)}), assent, NOW)
    assert problems == []
    assert submission is not None
    assert (submission.channel, submission.language) == (Channel.PHONE, "en")
    assert submission.consents is not None
    assert (submission.consents.version, submission.consents.personal, submission.consents.sensitive) == (
        scripts.VERSION,
        True,
        False,
    )


def test_answers_that_do_not_apply_are_not_sent() -> None:
    typed = Typed({"role": ("victim",), "harm_types": ("other",), "phone": ("010-0000-0000",), "relation": ("spouse",)})
    submission, _ = read(typed, None, NOW)
    assert submission is not None
    assert (submission.contact.phone, submission.on_behalf, submission.consents) == (None, None, None)


def test_each_wording_has_a_version() -> None:
    korean = translations.load([LOCALE])["ko"].gettext
    texts = [*scripts.CONSENT_OPENING, *(text.spoken for text in scripts.CONSENTS), scripts.CONSENT_CLOSING]
    both = "\n".join([*texts, *map(korean, texts)])
    digest = hashlib.sha256(both.encode()).hexdigest()[:8]
    assert WORDINGS[scripts.VERSION] == digest, "texts that are read aloud changed: give them a new version"
    assert [text.item for text in scripts.CONSENTS] == list(staff_words.CONSENTS)
    assert {f"{language}:{scripts.VERSION}" for language in call_words.READ_IN} == set(call_forms.READINGS)


def test_a_receipt_is_said_in_fours_and_every_digit_has_its_word() -> None:
    shown = receipt_numbers.shown(receipt_numbers.from_number(123_456_789_012_345))
    fours = scripts.fours(shown)
    assert [four.digits for four in fours] == shown.split("-")
    assert fours[0] == ("1234", "일 이 삼 사", "하나 둘 삼 넷", "one two three four")
    assert scripts.fours("0567")[0].korean == "공 오 육 칠"
    for words in (*scripts.DIGITS.values(), scripts.CLEARER):
        assert len(set(words)) == 10


def test_every_refusal_has_words() -> None:
    assert set(call_words.REFUSALS) == set(CallRefusal)


def test_who_agreed_to_nothing_that_was_read_out_leaves_no_way_of_contact() -> None:
    assent = Assent(version=scripts.VERSION, language="ko", by="s-first", at=NOW)
    least = {"role": ("victim",), "harm_types": ("other",), "assent": (f"ko:{scripts.VERSION}",)}
    submission, problems = read(Typed(least), assent, NOW)
    assert submission is not None
    assert submission.consents is not None
    assert problems == []
    reached = {**least, "contact_channels": ("phone",), "phone": ("010-0000-0000",)}
    submission, problems = read(Typed(reached), assent, NOW)
    assert (submission, [problem.control for problem in problems]) == (None, ["consents"])
    assert "at least one of these" in problems[0].message
    submission, problems = read(Typed({**reached, "consents": ("personal",)}), assent, NOW)
    assert submission is not None


def test_every_control_by_which_reports_find_each_other_is_one_of_the_page() -> None:
    assert set(call_forms.CONTROLS) >= call_forms.LINKED_BY
    made = {
        name: (value,)
        for name, value in {"urls": "https://a.example/1", "marks": "a" * 64, "accounts": "@someone_"}.items()
    }
    raw, _ = form.submission_of(Typed(made), "ko")
    key = KeyedDigests(b"l" * 32)
    for control, value in made.items():
        alone, _ = form.submission_of(Typed({control: value}), "ko")
        assert link_rules.digests_of(key, alone, synthetic=False)
    assert len(link_rules.digests_of(key, raw, synthetic=False)) == len(call_forms.LINKED_BY) == len(made)
