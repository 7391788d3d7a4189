"""What of a submission leaves the house: the facts that routing and counting need, with every place resolved."""

from datetime import date
from typing import Final

from services.intake.model.submission import Submission
from services.intake.policy.triage import Triage, demoted
from shared.centers import Ambiguous, UnknownDivision, districts_of, resolve
from shared.events.reports import ReportFacts
from shared.events.vocabulary import Suspicion

UNKNOWN: Final = "unknown"


class NotAdmittedError(ValueError):
    """A place that could not be resolved. ``choices`` are values that would do; what was typed is not repeated."""

    def __init__(self, field: str, reason: str, choices: tuple[str, ...]) -> None:
        """``reason`` is stable: ``unknown_division``, ``ambiguous_division``, ``unknown_district``."""
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.choices = choices


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
        suspicion=suspicion,
        synthetic=report.synthetic,
    )


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
    """Kept only where it decides between two catchments; a list of districts is known only there."""
    if code is None or not (known := districts_of(division)):
        return None
    codes = tuple(district.code for district in known)
    if code not in codes:
        raise NotAdmittedError("district", "unknown_district", codes)
    return code
