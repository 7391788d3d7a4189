"""A report's details in the order a counsellor needs them: what is safe first. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from services.intake.reports import documents, waiting_period
from services.intake.retention import rules as retention_rules
from shared.events.vocabulary import ContactChannel, Role, agreed_channels

_FIRST: Final = 1
_NO_CONTACT: Final[Mapping[str, Any]] = {
    "channels": (),
    "name": None,
    "phone": None,
    "email": None,
    "hours": None,
    "may_leave_message": False,
    "not_safe": None,
    "may_say": None,
    "center_codeword": None,
    "person_codeword": None,
}
_NOT_SAID: Final[Mapping[str, Any]] = {"relation": None, "victim_knows": None, "victim_agrees": None}


@dataclass(frozen=True, slots=True)
class DetailsEntry:
    """One text, and when it came."""

    at: datetime
    number: int
    """1 for the submission; the intake version, or the number of a message, otherwise."""
    value: Any


@dataclass(frozen=True, slots=True)
class AnswerChange:
    """Answers and facts that were changed together with the receipt."""

    at: datetime
    alone: bool
    """A finder of the receipt could have changed them, as for ``Details.contact_changed_alone``."""
    before: Mapping[str, DetailsEntry]
    """Of each answer that is another since: what stood before and from when; the value is None where none was given."""


@dataclass(frozen=True, slots=True)
class Written:
    """A text of the staff, when it was written and by whom (an opaque reference)."""

    at: datetime
    number: int
    by: str
    value: str
    reader: str = ""
    """For whom an answer was written, where that is not the person harmed: a ``LimitedBecause``."""


@dataclass(frozen=True, slots=True)
class Details:
    """The page of details.

    Whoever holds the receipt can change whom the centre calls, and what was answered: whoever reported for somebody
    else, or who found it at home. So a change of contact, relation or answers is always shown, with what was there
    before. No contact is to be used unchecked: the person may have changed it because the older one was no longer safe.
    """

    received_at: datetime
    contact: Mapping[str, Any]
    earlier_contacts: tuple[DetailsEntry, ...]
    """Newest first."""
    contact_changed_at: datetime | None
    """When it was last changed with the receipt."""
    contact_changed_alone: bool
    """A finder of the receipt could have changed it: no passphrase that was set with the report was asked for."""
    check_word: str | None
    """The newest word for answering the centre that nobody with the receipt alone can have chosen."""
    on_behalf: Mapping[str, Any]
    earlier_on_behalf: tuple[DetailsEntry, ...]
    answers: Mapping[str, Any]
    """The newest, without the deadline of the threat."""
    answer_changes: tuple[AnswerChange, ...]
    """Newest first."""
    narratives: tuple[DetailsEntry, ...]
    urls: tuple[DetailsEntry, ...]
    fingerprints: tuple[DetailsEntry, ...]
    picture_hashes: tuple[DetailsEntry, ...]
    offender_handles: tuple[DetailsEntry, ...]
    messages: tuple[DetailsEntry, ...]
    replies: tuple[Written, ...]
    """The centre's answers."""
    notes: tuple[Written, ...]
    replies_read: int
    """Up to which of them the holder of the receipt has read."""
    facts: Mapping[str, Any]
    consents: Mapping[str, Any] | None
    earlier_consents: tuple[Mapping[str, Any], ...]
    """Each with ``until`` when it stood, newest first; none for what was said first, however late."""
    consents_changed_at: datetime | None
    """When consents were last given or changed with the receipt; the first ones too, if none came with the report."""
    consents_changed_alone: bool
    """As ``contact_changed_alone``."""
    by_other: bool
    """Made by somebody else, also where it was handed over since."""
    tip: bool
    """Made by a third party: there is nobody who has to confirm it."""
    handed_over_at: datetime | None
    word_set_later_at: datetime | None
    """When a word was first set with the receipt alone."""
    confirmed_at: datetime | None
    threat_deadline: datetime | None
    call: Mapping[str, Any] | None = None
    """Of a report taken by phone: which operator of which organisation took it, when the call began."""
    read_aloud_at: datetime | None = None
    """When the texts of consent were read to the caller, as ``call["assent"]`` says by whom and in which wording."""

    @property
    def agreed_channels(self) -> tuple[ContactChannel, ...]:
        """The ways of contact that may be used now."""
        return agreed_channels(ContactChannel.read(code) for code in self.contact["channels"])

    @property
    def earlier_deadlines(self) -> tuple[DetailsEntry, ...]:
        """Deadlines of the threat that another or none has replaced, newest first."""
        said = [change.before.get("threat_deadline") for change in self.answer_changes]
        return tuple(one for one in said if one is not None and one.value is not None)

    @property
    def may_contact(self) -> bool:
        """Whether any way of contact was agreed to."""
        return bool(self.contact["channels"])


def details_of(document: Mapping[str, Any], parts: Mapping[str, Any]) -> Details:
    """The stored report with its opened parts, in order."""
    received_at: datetime = document["received_at"]
    moments = {_FIRST: received_at}
    moments |= {entry["version"]: entry["at"] for entry in document.get("amendments") or ()}
    left = {entry["number"]: entry["at"] for entry in document.get("messages") or ()}

    def versions(part: str) -> list[DetailsEntry]:
        found = {_FIRST: parts[part]} if part in parts else {}
        found |= {int(name.rpartition(":")[2]): value for name, value in parts.items() if name.startswith(f"{part}:")}
        return [
            DetailsEntry(moments.get(number, received_at), number, value) for number, value in sorted(found.items())
        ]

    def newest(part: str) -> DetailsEntry:
        return versions(part)[-1] if versions(part) else DetailsEntry(received_at, _FIRST, {})

    contact = newest("contact")
    life = retention_rules.lifecycle_of(document)
    by_other = document["facts"]["role"] != Role.VICTIM or life.handed_over_at is not None

    def since_received(part: str, missing: Mapping[str, Any]) -> list[DetailsEntry]:
        found = [DetailsEntry(said.at, said.number, {**missing, **said.value}) for said in versions(part)]
        if found and found[0].number > _FIRST:
            found.insert(0, DetailsEntry(received_at, _FIRST, missing))
        return found

    def earlier(part: str, missing: Mapping[str, Any]) -> tuple[DetailsEntry, ...]:
        return tuple(reversed(since_received(part, missing)[:-1]))

    answers = [DetailsEntry(said.at, said.number, _answers(said.value)) for said in since_received("answers", {})]
    answered = answers[-1].value if answers else {}
    amended = sorted(document.get("amendments") or (), key=lambda entry: int(entry["version"]))
    alone = {entry["version"]: entry.get("receipt_alone", True) for entry in amended}
    consented = [entry for entry in documents.of_holder(document, "amendments") if entry.get("consents")]
    later = waiting_period.later_word(document)
    messages = [
        DetailsEntry(left.get(number, received_at), number, value)
        for name, value in parts.items()
        if name.startswith("message:") and (number := int(name.rpartition(":")[2]))
    ]
    return Details(
        received_at=received_at,
        contact={**_NO_CONTACT, **contact.value},
        earlier_contacts=(before := earlier("contact", _NO_CONTACT)),
        contact_changed_at=contact.at if before and contact.at != life.handed_over_at else None,
        contact_changed_alone=alone.get(contact.number, True),
        check_word=next(
            (
                said.value["person_codeword"]
                for said in before
                if said.value["person_codeword"]
                and (said.at == life.handed_over_at or not alone.get(said.number, said.number > _FIRST))
            ),
            None,
        ),
        on_behalf={**_NOT_SAID, **newest("on_behalf").value},
        earlier_on_behalf=earlier("on_behalf", _NOT_SAID) if by_other else (),
        answers={name: value for name, value in answered.items() if name != "threat_deadline"},
        answer_changes=_answer_changes(answers, amended, received_at),
        narratives=tuple(versions("narrative")),
        urls=tuple(versions("urls")),
        fingerprints=tuple(versions("fingerprints")),
        picture_hashes=tuple(versions("picture_hashes")),
        offender_handles=tuple(versions("offender_handles")),
        messages=tuple(sorted(messages, key=lambda message: message.number)),
        replies=written(document, parts, "replies", "answer"),
        notes=written(document, parts, "notes", "note"),
        replies_read=document.get("replies_read") or 0,
        facts=document["facts"],
        consents=document.get("consents"),
        earlier_consents=tuple(reversed(document.get("earlier_consents") or ())),
        consents_changed_at=consented[-1]["at"] if consented else None,
        consents_changed_alone=bool(consented) and alone[consented[-1]["version"]],
        by_other=by_other,
        tip=document["facts"]["role"] == Role.THIRD_PARTY,
        word_set_later_at=later.asked_at if later else None,
        handed_over_at=life.handed_over_at,
        confirmed_at=life.confirmed_at if retention_rules.confirmed_by_holder(life) else None,
        threat_deadline=answered.get("threat_deadline"),
        call=(call := parts.get("call")),
        read_aloud_at=datetime.fromisoformat(call["assent"]["at"]) if call and call.get("assent") else None,
    )


def _answers(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    deadline = stored.get("threat_deadline")
    return {**stored, "threat_deadline": datetime.fromisoformat(deadline)} if deadline else stored


def _answer_changes(
    answers: Sequence[DetailsEntry], amended: Sequence[Mapping[str, Any]], received_at: datetime
) -> tuple[AnswerChange, ...]:
    """``answers``: every version, the first from when the report was received. ``amended``: the additions, in order.

    Facts are stored once: of those that an addition replaced its entry holds what they were.
    """
    given = {said.number: said.value for said in answers[1:]}
    known = answers[0].value if answers else {}
    since: dict[str, tuple[datetime, int]] = {}
    changes = []
    for entry in amended:
        at, version = entry["at"], entry["version"]
        new = given.get(version, known)
        old = {code: known.get(code) for code in {**known, **new} if known.get(code) != new.get(code)}
        old |= entry.get("before") or {}
        if old:
            before = {code: DetailsEntry(*since.get(code, (received_at, _FIRST)), old[code]) for code in old}
            changes.append(AnswerChange(at, entry.get("receipt_alone", True), before))
        since |= dict.fromkeys(old, (at, version))
        known = new
    return tuple(reversed(changes))


def written(document: Mapping[str, Any], parts: Mapping[str, Any], entries: str, part: str) -> tuple[Written, ...]:
    """Return the texts of one kind by staff, oldest first."""
    known = sorted(document.get(entries) or (), key=lambda entry: int(entry["number"]))
    return tuple(
        Written(one["at"], one["number"], one["by"], parts[f"{part}:{one['number']}"], one.get("reader", ""))
        for one in known
    )
