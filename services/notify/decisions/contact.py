"""Being in touch with whoever reported: only by a way they agreed to, and by somebody who has read what is safe."""

from datetime import datetime

from services.notify.casework import CHANNEL_OF, ContactWay
from services.notify.decisions.common import Answer, Refusal, Who, carried, changed, line, not_owned, not_workable
from services.notify.model import Case, EntryKind
from shared.events.cases import CaseContacted


def ways(case: Case) -> tuple[ContactWay, ...]:
    """How somebody may be in touch with the reporter. What they do themselves needs nobody's agreement."""
    return tuple(w for w in ContactWay if w not in CHANNEL_OF or CHANNEL_OF[w] in case.contact_channels)


def contact(case: Case, who: Who, ownership: int, *, way: ContactWay, reached: bool, now: datetime) -> Answer | Refusal:
    """Note that the reporter was reached, or that somebody tried. Trying is in the timeline and nowhere else."""
    why = not_workable(case, who, ownership) or _unsafe(case, who, way)
    if why is not None:
        return why
    if not reached:
        return Answer(changed(case, line(case, who, EntryKind.NOT_REACHED, now, way), {}), None)
    return carried(case, CaseContacted, line(case, who, EntryKind.CONTACTED, now, way), {"contacted_at": now}, now)


def opened(case: Case, who: Who, ownership: int, purpose: str, now: datetime) -> Answer | Refusal:
    """Note that somebody was given a ticket to the details, and with them to the rules of safe contact."""
    why = not_owned(case, who, ownership)
    if why is not None:
        return why
    known = {"rules_known_to": tuple(sorted({*case.rules_known_to, who.subject}))}
    return Answer(changed(case, line(case, who, EntryKind.OPENED, now, purpose), known), None)


def _unsafe(case: Case, who: Who, way: ContactWay) -> Refusal | None:
    if way not in ways(case):
        return Refusal.NOT_AGREED
    if way in CHANNEL_OF and who.subject not in case.rules_known_to:
        return Refusal.RULES_NOT_READ
    return None
