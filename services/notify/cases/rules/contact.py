"""Being in touch with whoever reported: only by a way they agreed to, and by somebody who has read what is safe."""

from datetime import datetime

from services.notify.cases.casework import CHANNEL_OF, ContactWay
from services.notify.cases.models import Case, CaseState, EntryKind, RunCause
from services.notify.cases.rules.common import (
    Answer,
    Refusal,
    Who,
    carried,
    changed,
    line,
    not_owned,
    not_workable,
    settled,
    watched,
)
from services.notify.escalation.rules import Rules
from shared.events.cases import CaseContacted
from shared.events.vocabulary import SettledReason, agreed_channels


def ways(case: Case) -> tuple[ContactWay, ...]:
    """How somebody may be in touch with the reporter. What they do themselves needs nobody's agreement."""
    agreed = agreed_channels(case.contact_channels)
    return tuple(w for w in ContactWay if w not in CHANNEL_OF or CHANNEL_OF[w] in agreed)


def contact(
    case: Case,
    who: Who,
    ownership: int,
    *,
    way: ContactWay,
    reached: bool,
    now: datetime,
    rules: Rules,
) -> Answer | Refusal:
    """Note that the reporter was reached, or that somebody tried. What is unread goes on climbing either way."""
    why = not_workable(case, who, ownership) or _unsafe(case, who, way)
    if why is not None:
        return why
    waits = case.ladder is not None and case.ladder.cause is RunCause.CONTACT
    if not reached:
        entry = line(case, who, EntryKind.NOT_REACHED, now, way)
        if not waits:
            return Answer(changed(case, entry, {}), None)
        return watched(settled(case, SettledReason.TRIED, entry, {}, now), rules, now, tried=True)
    made = carried(case, CaseContacted, line(case, who, EntryKind.CONTACTED, now, way), {"contacted_at": now}, now)
    return watched(made, rules, now) if waits else made


def opened(case: Case, who: Who, ownership: int, purpose: str, now: datetime, rules: Rules) -> Answer | Refusal:
    """Note that somebody was given a ticket to the details, and with them to the messages and the rules of contact.

    Nothing is unread then. While nobody has acknowledged the case, its alerts go on.
    """
    why = not_owned(case, who, ownership)
    if why is not None:
        return why
    entry = line(case, who, EntryKind.OPENED, now, purpose)
    update: dict[str, object] = {"rules_known_to": tuple(sorted({*case.rules_known_to, who.subject}))}
    if not (case.unread or case.unread_messages):
        return Answer(changed(case, entry, update), None)
    made = settled(case, SettledReason.READ, entry, {**update, "unread": False, "unread_messages": 0}, now)
    return made if case.state is CaseState.WAITING else watched(made, rules, now)


def _unsafe(case: Case, who: Who, way: ContactWay) -> Refusal | None:
    if way not in ways(case):
        return Refusal.WAY_NOT_AGREED
    if way in CHANNEL_OF and who.subject not in case.rules_known_to:
        return Refusal.RULES_NOT_READ
    return None
