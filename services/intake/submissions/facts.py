"""Whether a submission holds together, and the facts of it that routing and counting need, every place resolved.

What one field shows by itself the model refuses; here is what the tables, the day or several fields together show.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from typing import Final

from services.intake.submissions.models import NOBODY_TOLD, Consents, Contact, Submission
from services.intake.submissions.urgency import Triage, demoted
from shared.centers import Ambiguous, UnknownDivision, belongs, districts_of, resolve
from shared.clock import seoul_date
from shared.events.reports import ReportFacts
from shared.events.vocabulary import Suspicion

UNKNOWN: Final = "unknown"
DEADLINE_WITHIN: Final = timedelta(days=5 * 366)
"""A deadline may have passed long ago or lie far ahead; one beyond is a slip of the hand. Our own choice."""
DEADLINE_COUNTS: Final = timedelta(days=366)
"""A deadline further away, before or after, is nothing a centre can count down to. Our own choice."""


class NotAdmittedError(ValueError):
    """A submission cannot be taken as it is. ``choices`` are values that would do; what was typed is not repeated."""

    def __init__(self, field: str, reason: str, choices: tuple[str, ...] = ()) -> None:
        """``reason`` is stable; ``problems.from_admission`` says it in words."""
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.choices = choices


def examine(report: Submission, now: datetime) -> None:
    """Raise ``NotAdmittedError`` where a submission could not be accepted at this moment."""
    demand_sound(report, now)
    place_of(report, seoul_date(now))


def demand_sound(report: Submission, now: datetime) -> None:
    """Raise ``NotAdmittedError`` where the fields of a submission do not hold together; places are not looked at."""
    demand_deadline(report.threat_deadline, now)
    demand_told(report.already_told)
    demand_consent(report.contact, report.consents)


def demand_deadline(deadline: datetime | None, now: datetime) -> None:
    """Raise ``NotAdmittedError`` for a deadline in another time than ours."""
    if deadline is not None and abs(deadline - now) > DEADLINE_WITHIN:
        raise NotAdmittedError("threat_deadline", "deadline_out_of_range")


def demand_told(already_told: Collection[str]) -> None:
    """Raise ``NotAdmittedError`` where nobody was told and somebody was."""
    if NOBODY_TOLD in already_told and set(already_told) != {NOBODY_TOLD}:
        raise NotAdmittedError("already_told", "nobody_and_others")


def demand_consent(contact: Contact | None, consents: Consents | None) -> None:
    """Raise ``NotAdmittedError`` where a way of contact comes with consents of which every one is refused."""
    if contact is None or consents is None or not (contact.channels or contact.phone or contact.email):
        return
    if not (consents.personal or consents.sensitive or consents.share_with_center or consents.other_centers):
        raise NotAdmittedError("consents", "consent_needed")


def facts_of(report: Submission, triage: Triage, day: date, suspicion: tuple[Suspicion, ...] = ()) -> ReportFacts:
    """The facts of a submission received on a day in Korea. Raises ``NotAdmittedError``.

    ``triage`` is the judgement before suspicion has its say.
    """
    triage = demoted(triage, suspicion)
    division, district = place_of(report, day)
    return ReportFacts(
        role=report.role,
        harm_types=tuple(dict.fromkeys(report.harm_types)),
        urgency=triage.urgency,
        urgency_reasons=triage.reasons,
        triage_version=triage.version,
        division=division,
        district=district,
        age_band=report.age_band,
        gender=report.gender,
        relationship=report.relationship,
        platform_kind=report.platform_kind,
        channel=report.channel,
        language=report.language,
        declined_centers=tuple(dict.fromkeys(report.declined_centers)),
        other_centers=report.consents is not None and report.consents.other_centers,
        contact_channels=tuple(dict.fromkeys(report.contact.channels)),
        threat_deadline=_deadline(report.threat_deadline, day),
        suspicion=suspicion,
        synthetic=report.synthetic,
    )


def _deadline(typed: datetime | None, day: date) -> datetime | None:
    """The hour in which a threat is to be carried out, never later than what was said; nothing that is far away."""
    if typed is None or abs(typed.date() - day) > DEADLINE_COUNTS:
        return None
    return typed.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def place_of(report: Submission, day: date) -> tuple[str, str | None]:
    """Division and district as they are kept. Raises ``NotAdmittedError``."""
    division = _division(report.division, day)
    return division, _district(report.district, division)


def _division(typed: str | None, day: date) -> str:
    if typed is None:
        return UNKNOWN
    try:
        return resolve(typed, day)
    except Ambiguous as error:
        raise NotAdmittedError("division", "ambiguous_division", error.choices) from None
    except UnknownDivision as error:
        raise NotAdmittedError("division", "unknown_division", error.valid) from None


def _district(code: str | None, division: str) -> str | None:
    """Kept only where it decides between two catchments; a list of districts is known only there.

    Elsewhere its first digits say of which division it is. Dropped unseen, one of another division would hide that the
    report goes to the wrong centre.
    """
    if code is None:
        return None
    codes = tuple(district.code for district in districts_of(division))
    if code not in codes if codes else not belongs(code, division):
        raise NotAdmittedError("district", "unknown_district", codes)
    return code if codes else None
