"""Texts that an operator reads aloud, word for word: greeting, consent, digits. English message ids.

Written for the ear: short, in the order in which it is said. Consent given on the phone counts if the text was read
out and the assent recorded (decree to the Personal Information Protection Act, article 17(2)2-3), so each wording has a
version, and the version is kept with the assent.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.intake.reports.waiting_period import WordChosen
from services.intake.submissions.models import ConsentVersion
from shared.web.language import Language
from shared.web.translations import gettext_noop as n

VERSION: Final[ConsentVersion] = "2026-11-27"
"""Names the wording of ``CONSENT_OPENING``, ``CONSENTS`` and ``CONSENT_CLOSING`` in both languages; a test holds them
together, so that no word changes without it."""

OPENING: Final = (
    n("You are through to someone who can take your report. It is not your fault, and you do not have to give a name."),
    n("Are you somewhere you can speak safely? If you have to hang up, just hang up; nobody calls you back unasked."),
    n("If you are in danger right now, tell me, and we end this so that you can call 112."),
    n("I ask you some questions. You need not answer any, and “I do not know” is an answer too."),
)
"""The first words of a call."""

CONSENT_OPENING: Final = (
    n(
        "Now I read you four short texts, because the law asks for it. Please say yes or no to each. Your report is "
        "taken either way. If you change your mind later, you can take the report back on the web with its number, or "
        "leave the centre a message there."
    ),
    n(
        "Only staff of the one support centre that gets your report can read it. It is kept as long as the law "
        "says, or destroyed when you take it back."
    ),
)


class Text(NamedTuple):
    """One thing to agree to."""

    item: str
    """The consent it is about, as a submission names it."""
    spoken: str


CONSENTS: Final = (
    Text(
        "personal",
        n(
            "First: may we keep what you told me, and the ways to reach you if you gave any, so that someone can help "
            "you? If you say no, the centre sees that, and has to ask you before it does anything with it."
        ),
    ),
    Text(
        "sensitive",
        n("Second: what you told me may say something about your sex life or your health. May we keep that as well?"),
    ),
    Text("share_with_center", n("Third: may we pass it on to the support centre that takes your report?")),
    Text(
        "other_centers",
        n(
            "Fourth: if another centre is to help instead, may it be told without asking you first? If you say no, you "
            "are asked before, wherever that is possible."
        ),
    ),
)
CONSENT_CLOSING: Final = n(
    "One limit I have to tell you: if a person under 19 is being harmed, the law may ask the centre to tell the police."
)

RECEIPT_OPENING: Final = (
    n("We have your report. I give you its number now: sixteen digits, in fours. Do you have something to write?"),
    n("It is the only way back to your report, and we cannot look it up for you. Please read it back to me."),
)
_BEING_CHOSEN: Final = n(
    "A support centre is being chosen now, and its staff are alerted, again and again until someone answers. At night, "
    "alerts about what is not urgent may wait until morning."
)
_WITH_THE_NUMBER: Final = n("With the number you can see on the web how far it is, add something, or withdraw it.")
_WITH_THE_WORD_TO_CHANGE: Final = n(
    "With the number you can see on the web how far it is. To add something or withdraw it, you need your word as well."
)
_WITH_THE_WORD: Final = n(
    "With the number and your word you can see on the web how far it is, add something, or withdraw it. Without the "
    "word nobody can, and we cannot find it again."
)
_UNTIL_THEN: Final = n(
    "If you need someone before that, call 1366 at any hour, or 112 in danger. The call may show in your call list."
)


def receipt_closing(word: WordChosen) -> tuple[str, ...]:
    """What is said after the receipt, with what the caller's word guards."""
    if word.for_status:
        return (_BEING_CHOSEN, _WITH_THE_WORD, _UNTIL_THEN)
    return (_BEING_CHOSEN, _WITH_THE_WORD_TO_CHANGE if word.in_force else _WITH_THE_NUMBER, _UNTIL_THEN)


DIGITS: Final[Mapping[Language, tuple[str, ...]]] = {
    "ko": ("공", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"),
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
}
"""How a digit is said on the phone. In Korean 공 and not 영, as with telephone numbers."""
CLEARER: Final = ("공", "하나", "둘", "삼", "넷", "오", "여섯", "칠", "팔", "아홉")
"""How Koreans tell 일 from 이 and 삼 from 사 on a bad line."""


class Four(NamedTuple):
    """Four digits of a receipt, and how they are said."""

    digits: str
    korean: str
    clearer: str
    english: str


def fours(receipt: str) -> list[Four]:
    """A receipt as it is shown (``1234-5678-…``), in fours for reading aloud."""
    return [
        Four(four, _said(four, DIGITS["ko"]), _said(four, CLEARER), _said(four, DIGITS["en"]))
        for four in receipt.split("-")
    ]


def _said(digits: str, words: tuple[str, ...]) -> str:
    return " ".join(words[int(digit)] for digit in digits)
