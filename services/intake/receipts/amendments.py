"""Apply an amendment to a report: all that is now true, judged anew. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import orjson

from services.intake.links import rules as link_rules
from services.intake.receipts.models import Amendment
from services.intake.reports import documents
from services.intake.submissions.facts import NotAdmittedError, facts_of
from services.intake.submissions.models import Contact, Submission
from services.intake.submissions.urgency import triage
from shared.events.reports import ReportFacts
from shared.events.vocabulary import ContactChannel, Role, UrgencyReason, agreed_channels
from shared.severity import RANK, known_urgency

AMENDMENTS: Final = 20
"""Additions to one report; more belong in a conversation."""
_ANSWERS: Final = ("still_spreading", "threatened", "money_demanded", "threat_deadline")
_ABOUT: Final = ("seen_when", "search_words", "already_told")
_PARTS: Final = ("narrative", "urls", "fingerprints", "picture_hashes", "offender_handles", "contact", "on_behalf")
DECLINED_WITH_RECEIPT: Final = 3
"""Centres that whoever has the receipt alone may decline: with all but one they would choose who reads the report."""
_KEPT: Final = (
    "role",
    "harm_types",
    "channel",
    "language",
    "age_band",
    "gender",
    "relationship",
    "platform_kind",
    "declined_centers",
    "synthetic",
)
"""Facts that a submission has too. Places are left out: they were resolved on their day."""
_NOT_AMENDED: Final = {"receipt", "word"}
_READ_BY_STAFF: Final = frozenset({"harm_types", "age_band", "gender", "division", "relationship", "platform_kind"})
"""Facts on the page of details that an addition replaces."""


def contact_changed_at(document: Mapping[str, Any]) -> datetime | None:
    """Return when the present holder last changed the ways of contact; None if they are as first given."""
    made = [one["at"] for one in documents.of_holder(document, "amendments") if one.get("contact")]
    return max(made, default=None)


def is_empty(amendment: Amendment) -> bool:
    """Return whether it says nothing."""
    return not _said(amendment)


def merged(facts: ReportFacts, opened: Mapping[str, Any], amendment: Amendment, *, receipt_alone: bool) -> Submission:
    """The report as if it were submitted now, with only the new texts in it.

    ``opened`` are its sealed parts. With the receipt alone a declined centre stays declined: whoever found the paper
    may work there. Nor may so many be declined that the last ones are chosen. Raises ``ValidationError`` where the
    parts do not fit each other any more, ``NotAdmittedError`` for too many declined.
    """
    whole, said = facts.model_dump(mode="json", include=set(_KEPT)), _said(amendment)
    if receipt_alone and "declined_centers" in said:
        said["declined_centers"] = list(dict.fromkeys((*facts.declined_centers, *said["declined_centers"])))
        if len(said["declined_centers"]) > max(DECLINED_WITH_RECEIPT, len(facts.declined_centers)):
            raise NotAdmittedError("declined_centers", "too_many_declined")
    whole |= latest(opened, "answers") or {}
    # What whoever reported said of themselves is no part of it once the person harmed has taken it over.
    if facts.role is Role.REPRESENTATIVE and (known := latest(opened, "on_behalf")):
        whole["on_behalf"] = known
    if amendment.district is not None and amendment.division is None:
        whole["division"] = facts.division
    now_true = Submission.model_validate_json(orjson.dumps(whole | said))
    if "contact" in said:
        return now_true
    # Not asked again: a rule that came later must not refuse an addition for a way of contact that was taken before.
    channels = agreed_channels(map(ContactChannel.read, (latest(opened, "contact") or {}).get("channels", ())))
    return now_true.model_copy(update={"contact": Contact.model_construct(channels=channels)})


def amended_facts(
    before: ReportFacts, now_true: Submission, amendment: Amendment, now: datetime, day: date, *, receipt_alone: bool
) -> ReportFacts:
    """The whole facts after an amendment. Raises ``NotAdmittedError`` for a place that does not exist.

    With the receipt alone it is never less urgent than before: whoever found the paper would put off the alerts, and
    its owner would not know. Staff see what is answered now.
    """
    after = facts_of(now_true, triage(now_true, now), day, before.suspicion)
    kept: dict[str, object] = {"linked_reports": before.linked_reports, "sandbox": before.sandbox}
    if amendment.consents is None:
        kept["other_centers"] = before.other_centers
    if amendment.division is None:
        kept["division"] = before.division
        if amendment.district is None:
            kept["district"] = before.district
    if receipt_alone and RANK[known_urgency(after.urgency)] > RANK[known_urgency(before.urgency)]:
        reasons = dict.fromkeys((*before.urgency_reasons, *after.urgency_reasons))
        kept["urgency"] = before.urgency
        kept["urgency_reasons"] = tuple(one for one in reasons if one is not UrgencyReason.NONE_OF_THESE)
    return after.model_copy(update=kept)


def demand_centre_not_chosen(document: Mapping[str, Any], before: ReportFacts, after: ReportFacts) -> None:
    """Raise ``NotAdmittedError`` where more centres are declined once the place was changed with the receipt alone.

    The declined centre loses the report at once, and the place says who has it next: whoever found the paper would
    choose with two additions who reads the report.
    """
    moved = moves(before, after) or any(made.get("place") for made in document.get("amendments") or ())
    if moved and _declines_more(before, after):
        raise NotAdmittedError("declined_centers", "too_many_declined")


def replaced(before: ReportFacts, after: ReportFacts) -> dict[str, Any]:
    """The facts that an addition replaced, as they were: the centre sees also what a found receipt has changed."""
    old, new = (facts.model_dump(mode="json", include=set(_READ_BY_STAFF)) for facts in (before, after))
    return {name: value for name, value in old.items() if value != new[name]}


def moves(before: ReportFacts, after: ReportFacts) -> bool:
    """Return whether it changes the place."""
    return (before.division, before.district) != (after.division, after.district)


def linked(
    document: Mapping[str, Any],
    before: ReportFacts,
    after: ReportFacts,
    found: Sequence[str],
    *,
    receipt_alone: bool,
) -> tuple[str, ...]:
    """The reports it is linked with after an addition; ``found`` are those that the addition leads to.

    A report follows its links to the next centre. So whoever declines one with the receipt alone loses the links that
    additions with it brought: they may be to a report that was made to be found.
    """
    if not (receipt_alone and _declines_more(before, after)):
        return link_rules.newest(found, before.linked_reports)
    brought = {one for made in document.get("amendments") or () for one in made.get("linked") or ()}
    return tuple(one for one in before.linked_reports if one not in brought)


def _declines_more(before: ReportFacts, after: ReportFacts) -> bool:
    return not set(after.declined_centers) <= set(before.declined_centers)


def touched(amendment: Amendment) -> frozenset[str]:
    """The sealed parts it adds to or replaces."""
    said = _said(amendment)
    # "contact": {} is said as well: from then on nobody may be contacted, and the number before must not stand.
    parts = {part for part in _PARTS if part in said}
    return frozenset(parts | ({"answers"} if any(name in said for name in (*_ANSWERS, *_ABOUT)) else set()))


def reaches(amendment: Amendment) -> bool:
    """Return whether it changes whom the centre contacts, on whose behalf, or what was agreed to."""
    return not {"contact", "on_behalf", "consents"}.isdisjoint(_said(amendment))


def changes_contact(amendment: Amendment) -> bool:
    """Return whether it replaces the ways of contact."""
    return "contact" in _said(amendment)


def latest(opened: Mapping[str, Any], part: str) -> Any:  # noqa: ANN401  # any JSON
    """The newest of a part: ``part``, then ``part:2``, ``part:5`` … by the version that brought it."""
    versions = {0: part} | {int(name.rpartition(":")[2]): name for name in opened if name.startswith(f"{part}:")}
    return opened.get(versions[max(versions)])


def _said(amendment: Amendment) -> dict[str, Any]:
    said = amendment.model_dump(mode="json", exclude_unset=True, exclude=_NOT_AMENDED)
    # "I do not know any more" is an answer, and "no centre is declined" a wish; everywhere else nothing is nothing.
    return {
        name: value
        for name, value in said.items()
        if name in _ANSWERS or name == "declined_centers" or value not in (None, [], ())
    }
