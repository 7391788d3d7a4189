"""What may be done with a call, what is kept of it, and what is read aloud: decided without store or clock."""

import hashlib
from datetime import timedelta
from pathlib import Path

from services.intake.model import receipts
from services.intake.model.call import Assent, Call, CallState, Ending, Notes
from services.intake.phone.reading import read
from services.intake.policy import calls as policy
from services.intake.policy import linking
from services.intake.policy.calls import Act, CallRefusal, judge
from services.intake.rendering import call_words, calls, form, spoken, staff_words, steps
from services.intake.rendering.form import Typed
from shared.events.vocabulary import Channel
from shared.web import translations
from tests.unit.intake.test_erasure import NOW

LATER = NOW + timedelta(minutes=5)
CALL = Call("one", CallState.OPEN, "s-first", "busan", NOW, NOW + policy.KEPT)
OFFERED = policy.offered(CALL, NOW)
LOCALE = Path(calls.__file__).parents[1] / "locale"
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
    taken = policy.taken(OFFERED, "s-second", LATER)
    assert (taken.holder, taken.offered_at, taken.taken, taken.version) == ("s-second", None, 1, OFFERED.version + 1)
    assert by_first(taken, Act.SAVE) is CallRefusal.TAKEN
    assert by_second(taken, Act.SAVE) is None
    own = policy.taken(OFFERED, "s-first", LATER)
    assert (own.holder, own.offered_at, own.taken) == ("s-first", None, 0)


def test_what_is_being_sent_does_not_change_and_cannot_be_offered_or_ended() -> None:
    sending = policy.sending(OFFERED, LATER)
    assert sending.offered_at is None
    assert {act for act in Act if by_first(sending, act) is None} == {Act.LOOK}
    assert by_second(sending, Act.TAKE) is CallRefusal.NOT_OFFERED
    assert policy.overdue(sending, NOW + timedelta(days=30)) is None
    sent = policy.sent(sending, LATER)
    assert {act for act in Act if by_first(sent, act) is None} == {Act.LOOK, Act.END}
    assert by_first(sent, Act.SAVE) is CallRefusal.SENT
    assert policy.overdue(sent, sent.until) is Ending.SENT
    assert by_first(policy.reopened(sending, LATER), Act.SAVE) is None


def test_what_ended_by_itself_comes_back_only_with_the_whole_page_and_what_was_ended_never() -> None:
    over = policy.counted(CALL, CALL.until)
    assert (over.state, over.ending, over.version) == (CallState.ENDED, Ending.ABANDONED, CALL.version)
    assert {act for act in Act if by_first(over, act) is None} == {Act.LOOK, Act.SAVE_ALL}
    back = policy.saved(over, LATER)
    assert (back.state, back.ending, back.until) == (CallState.OPEN, None, LATER + policy.KEPT)
    for how in (Ending.STOPPED, Ending.SENT):
        ended = policy.ended(CALL, how, LATER)
        assert by_first(ended, Act.SAVE_ALL) is CallRefusal.ENDED
    assert policy.counted(CALL, CALL.until - timedelta(seconds=1)) is CALL


def test_looking_lengthens_only_what_is_open() -> None:
    assert policy.looked(CALL, LATER).until == LATER + policy.KEPT
    sent = policy.sent(policy.sending(CALL, NOW), NOW)
    assert policy.looked(sent, LATER) is sent


def test_assent_names_who_read_what_when_and_is_kept_while_nothing_changes() -> None:
    first = policy.assented(Notes(), {"consents": ("personal",)}, "ko:2026-11-25", "s-first", NOW)
    assert first == Assent(version="2026-11-25", language="ko", by="s-first", at=NOW)
    before = Notes({"consents": ("personal",)}, first)
    same = policy.assented(before, {"consents": ("personal",), "hours": ("x",)}, "ko:2026-11-25", "s-second", LATER)
    assert same == first
    for answers, said in (({"consents": ()}, "ko:2026-11-25"), ({"consents": ("personal",)}, "en:2026-11-25")):
        anew = policy.assented(before, answers, said, "s-second", LATER)
        assert anew is not None
        assert (anew.by, anew.at) == ("s-second", LATER)
    assert policy.assented(before, before.answers, "", "s-second", LATER) is None


def test_the_page_asks_everything_the_form_asks() -> None:
    assert {control for one in steps.STEPS for control in one.controls} | set(steps.LAST) < set(calls.CONTROLS)


def test_of_a_request_only_the_fields_it_is_about_are_taken() -> None:
    known = {"narrative": ("first",), "hours": ("evening",)}
    quick = Typed({"only": ("hours", "no such field"), "hours": ("",), "narrative": ("not meant",)})
    assert calls.named(quick) == ("hours",)
    assert calls.taken(known, quick, calls.named(quick)).values == {"narrative": ("first",)}
    whole = Typed({"narrative": ("second",), "go": ("save",)})
    assert calls.taken(known, whole, calls.named(whole)).values == {"narrative": ("second",)}


def test_what_is_only_missing_does_not_keep_anything_back() -> None:
    typed = Typed({"contact_channels": ("phone",), "narrative": ("900101-1234567",)})
    submission, problems = read(typed, None, NOW)
    assert submission is None
    assert {problem.control for problem in problems} >= {"role", "harm_types", "narrative"}
    refused = calls.refused(typed, calls.CONTROLS, problems)
    assert [problem.control for problem in refused] == ["narrative"]
    kept = calls.without(typed, {"narrative": ("before",)}, {"narrative"})
    assert kept.values == {"contact_channels": ("phone",), "narrative": ("before",)}
    assert "narrative" not in calls.without(typed, {}, {"narrative"}).values


def test_a_submission_of_a_call_is_by_phone_in_the_callers_language_and_consent_needs_reading() -> None:
    least = {"role": ("victim",), "harm_types": ("other",), "consents": ("personal",)}
    submission, problems = read(Typed(least), None, NOW)
    assert submission is None
    assert [problem.control for problem in problems] == ["assent"]
    assent = Assent(version=spoken.VERSION, language="en", by="s-first", at=NOW)
    submission, problems = read(Typed({**least, "assent": (f"en:{spoken.VERSION}",)}), assent, NOW)
    assert problems == []
    assert submission is not None
    assert (submission.channel, submission.language) == (Channel.PHONE, "en")
    assert submission.consents is not None
    assert (submission.consents.version, submission.consents.personal, submission.consents.sensitive) == (
        spoken.VERSION,
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
    texts = [*spoken.CONSENT_OPENING, *(text.spoken for text in spoken.CONSENTS), spoken.CONSENT_CLOSING]
    both = "\n".join([*texts, *map(korean, texts)])
    digest = hashlib.sha256(both.encode()).hexdigest()[:8]
    assert WORDINGS[spoken.VERSION] == digest, "texts that are read aloud changed: give them a new version"
    assert [text.item for text in spoken.CONSENTS] == list(staff_words.CONSENTS)
    assert {f"{language}:{spoken.VERSION}" for language in call_words.READ_IN} == set(calls.READINGS)


def test_a_receipt_is_said_in_fours_and_every_digit_has_its_word() -> None:
    shown = receipts.shown(receipts.from_number(123_456_789_012_345))
    fours = spoken.fours(shown)
    assert [four.digits for four in fours] == shown.split("-")
    assert fours[0] == ("1234", "일 이 삼 사", "하나 둘 삼 넷", "one two three four")
    assert spoken.fours("0567")[0].korean == "공 오 육 칠"
    for words in (*spoken.DIGITS.values(), spoken.CLEARER):
        assert len(set(words)) == 10


def test_every_refusal_has_words() -> None:
    assert set(call_words.REFUSALS) == set(CallRefusal)


def test_who_agreed_to_nothing_that_was_read_out_leaves_no_way_of_contact() -> None:
    assent = Assent(version=spoken.VERSION, language="ko", by="s-first", at=NOW)
    least = {"role": ("victim",), "harm_types": ("other",), "assent": (f"ko:{spoken.VERSION}",)}
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
    assert set(calls.CONTROLS) >= calls.LINKED_BY
    made = {
        name: (value,)
        for name, value in {"urls": "https://a.example/1", "marks": "a" * 64, "accounts": "@someone_"}.items()
    }
    raw, _ = form.submission_of(Typed(made), "ko")
    key = linking.LinkKey(b"l" * 32)
    for control, value in made.items():
        alone, _ = form.submission_of(Typed({control: value}), "ko")
        assert linking.digests_of(key, alone, synthetic=False)
    assert len(linking.digests_of(key, raw, synthetic=False)) == len(calls.LINKED_BY) == len(made)
