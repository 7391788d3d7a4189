"""Requests with a receipt: status, message, addition, withdrawal, reinstatement, passphrase."""

import re
import unicodedata
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    FailFast,
    Field,
    StringConstraints,
    model_validator,
)

from services.intake.submissions.models import (
    FINGERPRINTS,
    OFFENDER_HANDLES,
    URLS,
    WORD_FOR_STATUS,
    Consents,
    Contact,
    DeclinedCenter,
    Fingerprint,
    Line,
    Narrative,
    OnBehalf,
    OptionalLine,
    OptionalPhrase,
    PictureHash,
    SubmissionPart,
    Told,
    WebAddress,
    Word,
    clean,
    demand_word,
    nothing,
)
from shared.centers import CENTER_IDS
from shared.events.vocabulary import AgeBand, Gender, HarmType, PlatformKind, Relationship

MESSAGE_CHARS: Final = 2000
_SPACES: Final = re.compile(r"\s+")

MessageText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MESSAGE_CHARS), AfterValidator(clean)
]
TypedWord = Annotated[
    Annotated[str, StringConstraints(max_length=200)] | None,
    BeforeValidator(nothing),
]
"""A word as somebody claims it to be; one too short is simply wrong."""


class ReceiptQuestion(SubmissionPart):
    """A receipt, as typed: spaces and hyphens do not matter; and the word of the reporter's own, if one was set."""

    receipt: str = Field(max_length=60, examples=["1234-5678-9012-3450"])
    word: TypedWord = Field(default=None, description="The word that was set for this receipt, if one was.")


class MessageAsked(ReceiptQuestion):
    """A message for the centre."""

    text: MessageText = Field(description="What the centre should know. It is sealed like the report itself.")


class WithdrawalAsked(ReceiptQuestion):
    """The report is to be withdrawn."""

    at_once: bool = Field(default=False, description="Destroy it sooner than in 72 hours. Needs `understood`.")
    understood: bool = Field(
        default=False, description="The person was told that it cannot be undone, in a question of its own."
    )


class WordAsked(ReceiptQuestion):
    """A word is to be set; where one is set already, ``word`` must be that one and ``new_word`` the next."""

    new_word: Annotated[Word | None, BeforeValidator(nothing)] = Field(
        default=None, description="Left out: `word` itself is set, if there was none."
    )
    for_status: bool | None = Field(
        default=None,
        description="Whether the status needs the word as well. Left out: as before, and no where there was none.",
    )


class TakeOverAsked(SubmissionPart):
    """Somebody takes over the report that was made for them."""

    code: str = Field(max_length=60, description="The code from whoever reported.", examples=["1234-5678-9018"])
    i_am_the_person: bool = Field(default=False, description="The person was asked whether the report is about them.")
    word: Annotated[Word | None, BeforeValidator(nothing)] = Field(
        default=None, description="A word of their own, in place of the one that was set before, if any."
    )
    word_for_status: bool = Field(default=False, description=WORD_FOR_STATUS)
    contact: Contact = Field(default=Contact(), description="Left out: nobody is contacted any more.")
    consents: Consents | None = Field(default=None, description="What was allowed before no longer counts.")

    @model_validator(mode="after")
    def _word_is_set(self) -> "TakeOverAsked":
        demand_word(self.word, for_status=self.word_for_status)
        return self


class Amendment(SubmissionPart):
    """What is added or corrected. A field left out stays as it is; role, channel and drill never change."""

    harm_types: Annotated[tuple[HarmType, ...], FailFast()] = Field(default=(), max_length=len(HarmType))
    language: str | None = Field(default=None, pattern=r"^[a-z]{2,3}$")
    division: OptionalLine = None
    district: Annotated[str | None, BeforeValidator(nothing)] = Field(default=None, pattern=r"^[0-9]{5}$")
    age_band: AgeBand | None = None
    gender: Gender | None = None
    relationship: Relationship | None = None
    platform_kind: PlatformKind | None = None
    declined_centers: Annotated[tuple[DeclinedCenter, ...], FailFast()] = Field(default=(), max_length=len(CENTER_IDS))
    still_spreading: bool | None = None
    threatened: bool | None = None
    money_demanded: bool | None = None
    threat_deadline: AwareDatetime | None = None
    narrative: Annotated[Narrative | None, BeforeValidator(nothing)] = None
    urls: Annotated[tuple[WebAddress, ...], FailFast()] = Field(default=(), max_length=URLS)
    fingerprints: Annotated[tuple[Fingerprint, ...], FailFast()] = Field(default=(), max_length=FINGERPRINTS)
    picture_hashes: Annotated[tuple[PictureHash, ...], FailFast()] = Field(default=(), max_length=FINGERPRINTS)
    offender_handles: Annotated[tuple[Line, ...], FailFast()] = Field(default=(), max_length=OFFENDER_HANDLES)
    seen_when: OptionalLine = None
    search_words: OptionalPhrase = None
    already_told: Annotated[tuple[Told, ...], FailFast()] = Field(default=(), max_length=4)
    contact: Contact | None = None
    on_behalf: OnBehalf | None = None
    consents: Consents | None = None


class AmendmentAsked(Amendment, ReceiptQuestion):
    """An addition or correction with the receipt of its report."""


def plain_word(word: str) -> str:
    """A word as it is compared: case, width and spaces do not matter. Koreans space the same words in several ways."""
    return _SPACES.sub("", unicodedata.normalize("NFKC", word).casefold())
