"""A front end's submission. Only the role and one harm type are compulsory; nothing unknown is accepted.

Every refusal has a stable reason code and never repeats what was typed.
"""

import re
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    FailFast,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError, SchemaValidator, core_schema

from services.intake.submissions import text
from services.intake.submissions.web_addresses import completed
from shared.centers import CENTER_IDS
from shared.events.vocabulary import (
    AgeBand,
    Channel,
    ContactChannel,
    Gender,
    HarmType,
    PlatformKind,
    Relationship,
    Role,
)
from shared.web.translations import gettext_noop as n

NARRATIVE_CHARS: Final = 4000
URLS: Final = 20
URL_CHARS: Final = 2000
FINGERPRINTS: Final = 20
PHRASE_CHARS: Final = 300
OFFENDER_HANDLES: Final = 10
_PLAIN_ADDRESS: Final = SchemaValidator(
    core_schema.str_schema(
        regex_engine="rust-regex",
        pattern=r"^(?i:https?)://[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]*)?(?:[/?#][!-$&-~]*)?$",
    )
).isinstance_python
"""Most addresses as they come: nothing in them is quoted, and urllib would find a host."""
_SPACE: Final = re.compile(r"\s")
WORD_CHARS: Final = (4, 64)
PHONE_DIGITS: Final = (7, 15)
"""Shortest local number, longest international one (E.164)."""
_DIGITS: Final = "0123456789"
_PHONE: Final = re.compile(r"\+?[0-9 ().-]+")
_MOBILE: Final = re.compile(r"010|820?10")
"""How a Korean mobile number begins, at home and from abroad. Eight digits follow: with one too few or too many nobody
reaches the person, and nobody else can tell which one is wrong."""
_AFTER_MOBILE: Final = 8
_AS_CARD: Final = re.compile(r"\D*[0-9]{6}[ .-]{1,3}[0-9]{7}\D*")
"""Six and seven digits: no phone number is grouped like this, every registration number is."""
_COUNTRY: Final = ("82", "+82", "+ 82", "(82", "(+82")
"""Korea's country code: 8201012345678 could also be a date of birth and seven digits."""

REASONS: Final[dict[str, str]] = {
    text.REGISTRATION_NUMBER: n("There seems to be a resident registration number here. Please remove it."),
    text.MEDIA: n("There seem to be the bytes of a picture or file here. Send its link instead."),
    text.SWELLING: n("There are special characters here that stand for whole words. Please write them out."),
    text.CONTROL: n("There are control characters here."),
    "not_a_web_address": n(
        "This must be a web address such as https://example.com/post. Account names go to offender_handles."
    ),
    "unknown_center": n("This is not the id of a centre."),
    "declines_every_center": n("At least one centre must be left."),
    "only_here": n("“Only here” excludes every other way of contact."),
    "needs_phone": n("The chosen way of contact needs a phone number."),
    "needs_email": n("The chosen way of contact needs an e-mail address."),
    "not_a_phone_number": n(
        "This must be a phone number: digits, spaces, hyphens, a plus in front. Eight digits follow 010."
    ),
    "not_an_email_address": n("This must be an e-mail address."),
    "only_for_representatives": n("Only reports with the role representative may have this."),
    "needs_word": n("The status can need a word only where one is set."),
}
"""Reason codes of our own, and what each says."""


def typed_chars(most: int) -> int:
    """Return at what length a browser may cut a pasted text, as it does without a word: what is left is refused."""
    return 2 * most


def refusal(reason: str) -> PydanticCustomError:
    """The error of one of our own reasons."""
    return PydanticCustomError(reason, REASONS[reason])


def demand_word(word: str | None, *, for_status: bool) -> None:
    """Refuse a status that needs a word where none is set: its owner would believe it guarded."""
    if for_status and word is None:
        raise refusal("needs_word")


def clean(value: str) -> str:
    """A text that holds nothing it must not hold, with the line ends and spaces of ours."""
    reason = text.refused(value)
    if reason is not None:
        raise refusal(reason)
    return text.tidied(value)


def _one_line(value: str) -> str:
    if "\n" in value or "\r" in value or "\t" in value:
        raise refusal(text.CONTROL)
    return clean(value).replace("\n", " ")


def _web_address(value: str) -> str:
    if _PLAIN_ADDRESS(value) and "&#" not in value:
        reason = text.refused_in_plain_address(value)
        if reason is not None:
            raise refusal(reason)
        return value
    value = completed(text.visible(value))
    reason = text.refused(value, link=True)
    if reason is not None:
        raise refusal(reason)
    try:
        parts = urlsplit(value)
        fine = parts.scheme.lower() in {"http", "https"} and bool(parts.hostname) and not _SPACE.search(value)
    except ValueError:
        fine = False
    if not fine:
        raise refusal("not_a_web_address")
    return value


def _phone(value: str) -> str:
    plain = text.plain_phone(value)
    digits = "".join(sign for sign in plain if sign in _DIGITS)
    shaped = _PHONE.fullmatch(plain) and not _AS_CARD.fullmatch(plain) and _complete(digits)
    if shaped and (plain.startswith(_COUNTRY) or text.refused(plain) is None):
        return plain
    _one_line(value)
    raise refusal("not_a_phone_number")


def _complete(digits: str) -> bool:
    """Return whether a number has as many digits as its like has."""
    if (mobile := _MOBILE.match(digits)) is not None:
        return len(digits) == mobile.end() + _AFTER_MOBILE
    return PHONE_DIGITS[0] <= len(digits) <= PHONE_DIGITS[1]


def _email(value: str) -> str:
    value = _one_line(text.visible(value))
    local, at, host = value.rpartition("@")
    if not (local and at and "." in host.strip(".")) or any(c.isspace() for c in value) or "@" in local:
        raise refusal("not_an_email_address")
    return value


def _center(value: str) -> str:
    if value not in CENTER_IDS:
        raise refusal("unknown_center")
    return value


def nothing(value: object) -> object:
    """An empty string is a field left empty."""
    return None if isinstance(value, str) and not value.strip() else value


Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100), AfterValidator(_one_line)]
OptionalLine = Annotated[Line | None, BeforeValidator(nothing)]
Phrase = Annotated[str, StringConstraints(strip_whitespace=True, max_length=PHRASE_CHARS), AfterValidator(_one_line)]
OptionalPhrase = Annotated[Phrase | None, BeforeValidator(nothing)]
Narrative = Annotated[str, StringConstraints(strip_whitespace=True, max_length=NARRATIVE_CHARS), AfterValidator(clean)]
WebAddress = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=URL_CHARS), AfterValidator(_web_address)
]
Fingerprint = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9A-Fa-f]{64}$")]
PictureHash = Annotated[str, StringConstraints(to_lower=True, pattern=r"^[0-9A-Fa-f]{64}$")]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=30), AfterValidator(_phone)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(_email)]
Word = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=WORD_CHARS[0], max_length=WORD_CHARS[1]),
    AfterValidator(_one_line),
]
DeclinedCenter = Annotated[str, StringConstraints(max_length=40), AfterValidator(_center)]


Told = Literal["police", "hotline", "platform", "nobody"]
"""Who has been told already: police, 1366, the platform, or nobody yet."""
NOBODY_TOLD: Final = "nobody"
ConsentVersion = Literal["2026-11", "2026-11-25", "2026-11-27"]
"""Every wording of the consents that was ever shown or read out. A new wording is a new one; none is taken away."""
MaySay = Literal["nothing", "private", "center"]
"""What a counsellor may say when somebody else answers: hang up, a private call, or that the centre is calling."""


WORD_FOR_STATUS: Final = (
    "Whether the status needs the word as well, from the start. Only with `word`. Callbacks then tell nothing before "
    "the report is handed over or erased."
)


class SubmissionPart(BaseModel):
    """A part of a submission: strict types, no unknown fields, no input in error texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Contact(SubmissionPart):
    """How the reporter may be reached, if at all. No channel here: nobody will try."""

    channels: Annotated[tuple[ContactChannel, ...], FailFast()] = Field(
        default=(),
        max_length=len(ContactChannel),
        description="`message_here` means only here, by messages with the receipt; it excludes every other channel.",
    )
    name: OptionalLine = Field(default=None, description="The name to use; need not be the real one.")
    phone: Annotated[Phone | None, BeforeValidator(nothing)] = Field(default=None, validate_default=True)
    email: Annotated[Email | None, BeforeValidator(nothing)] = Field(default=None, validate_default=True)
    hours: OptionalLine = Field(default=None, description="When it is safe to reach the person, in their words.")
    may_leave_message: bool = Field(default=False, description="Whether voicemail or a note is safe.")
    not_safe: OptionalLine = Field(default=None, description="What to avoid, in their words.")
    may_say: MaySay | None = Field(default=None, description="What may be said when somebody else answers.")
    center_codeword: OptionalLine = Field(default=None, description="What the centre says first, so that it is known.")
    person_codeword: OptionalLine = Field(
        default=None, description="What the person answers, so that the centre knows that it is they."
    )

    @field_validator("channels")
    @classmethod
    def _only_here_or_elsewhere(cls, channels: tuple[ContactChannel, ...]) -> tuple[ContactChannel, ...]:
        if ContactChannel.MESSAGE_HERE in channels and len(set(channels)) > 1:
            raise refusal("only_here")
        return channels

    # Field by field, so that whoever left both empty is told of both at once.
    @field_validator("phone")
    @classmethod
    def _phone_for_channels(cls, phone: str | None, given: ValidationInfo) -> str | None:
        if phone is None and {ContactChannel.PHONE, ContactChannel.TEXT} & set(given.data.get("channels", ())):
            raise refusal("needs_phone")
        return phone

    @field_validator("email")
    @classmethod
    def _email_for_channels(cls, email: str | None, given: ValidationInfo) -> str | None:
        if email is None and ContactChannel.EMAIL in given.data.get("channels", ()):
            raise refusal("needs_email")
        return email


class OnBehalf(SubmissionPart):
    """For representatives: the relation (Act art. 7-3) and whether the person harmed knows and agrees (art. 24)."""

    relation: Literal["spouse", "lineal", "sibling", "agent", "guardian", "other"] | None = None
    victim_knows: bool | None = None
    victim_agrees: bool | None = None


class Consents(SubmissionPart):
    """What was agreed to, under which wording. Itemised as the law asks (PIPA 22, 23)."""

    version: ConsentVersion = Field(description="Month or day of the wording that was shown or read out.")
    personal: bool = False
    sensitive: bool = False
    share_with_center: bool = False
    other_centers: bool = Field(default=False, description="Another centre may be told without being asked first.")


class Submission(SubmissionPart):
    """A report as submitted."""

    role: Role
    harm_types: Annotated[tuple[HarmType, ...], FailFast()] = Field(min_length=1, max_length=len(HarmType))
    channel: Channel = Channel.API
    language: str = Field(default="ko", pattern=r"^[a-z]{2,3}$")
    division: OptionalLine = Field(
        default=None,
        description="Slug, name, alias or code of the province or city; `overseas` or `unknown`. Default unknown.",
    )
    district: Annotated[str | None, BeforeValidator(nothing)] = Field(
        default=None, pattern=r"^[0-9]{5}$", description="Administrative code of a district of `division`."
    )
    age_band: AgeBand = AgeBand.UNKNOWN
    gender: Gender = Gender.UNKNOWN
    relationship: Relationship = Relationship.UNKNOWN
    platform_kind: PlatformKind = PlatformKind.UNKNOWN
    declined_centers: Annotated[tuple[DeclinedCenter, ...], FailFast()] = Field(default=(), max_length=len(CENTER_IDS))
    still_spreading: bool | None = None
    threatened: bool | None = None
    money_demanded: bool | None = None
    threat_deadline: AwareDatetime | None = Field(default=None, description="Within five years of today.")
    narrative: Annotated[Narrative | None, BeforeValidator(nothing)] = None
    urls: Annotated[tuple[WebAddress, ...], FailFast()] = Field(
        default=(),
        max_length=URLS,
        description="Where it can be seen, one address each; `https://` may be left out. No account names.",
    )
    fingerprints: Annotated[tuple[Fingerprint, ...], FailFast()] = Field(
        default=(), max_length=FINGERPRINTS, description="SHA-256 of files, in hex. Never send the file itself."
    )
    picture_hashes: Annotated[tuple[PictureHash, ...], FailFast()] = Field(
        default=(),
        max_length=FINGERPRINTS,
        description="PDQ hashes of still images, 256 bits in hex, made where the image is. Never send the image.",
    )
    seen_when: OptionalLine = Field(default=None, description="When it was seen, in their words.")
    search_words: OptionalPhrase = Field(default=None, description="Words with which it is found in a search.")
    already_told: Annotated[tuple[Told, ...], FailFast()] = Field(
        default=(), max_length=4, description="Who knows already; `hotline` is 1366, and `nobody` stands alone."
    )
    offender_handles: Annotated[tuple[Line, ...], FailFast()] = Field(
        default=(),
        max_length=OFFENDER_HANDLES,
        description="Account names, profile addresses or phone numbers of whoever did it, as far as known.",
    )
    contact: Contact = Contact()
    on_behalf: OnBehalf | None = None
    consents: Consents | None = None
    word: Annotated[Word | None, BeforeValidator(nothing)] = Field(
        default=None,
        description="A word of the reporter's own. If given, messages, additions and withdrawing the report need it "
        "beside the receipt. It is not stored and cannot be found again.",
    )
    word_for_status: bool = Field(default=False, description=WORD_FOR_STATUS)
    synthetic: bool = Field(default=False, description="A drill: goes the whole way and is in no count.")

    @model_validator(mode="after")
    def _parts_fit(self) -> "Submission":
        if self.on_behalf is not None and self.role is not Role.REPRESENTATIVE:
            raise refusal("only_for_representatives")
        if len(set(self.declined_centers)) >= len(CENTER_IDS):
            raise refusal("declines_every_center")
        demand_word(self.word, for_status=self.word_for_status)
        return self
