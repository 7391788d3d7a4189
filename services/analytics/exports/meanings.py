"""Meanings of the codes, in English; the Korean stands in locale/ko.po. Labels stand in ``words``."""

from collections.abc import Mapping
from typing import Final

from services.analytics.counting.aggregate import IN_CARE
from services.analytics.releases.counts import LONGER, UNANSWERED
from services.analytics.releases.hierarchies import TOTAL
from services.analytics.releases.tables import (
    AT_HOME,
    HOMES,
    LAST_RESORT,
    LINKED,
    MOVED_IN,
    NO_HOME,
    OVERFLOW,
    STAFF_TABLE,
)
from shared.events.vocabulary import (
    UNKNOWN,
    AgeBand,
    Channel,
    EndReason,
    Gender,
    HarmType,
    Outcome,
    PlatformKind,
    Relationship,
    Role,
    SupportKind,
    Urgency,
)
from shared.web.translations import gettext_noop

HARMS: Final[Mapping[str, str]] = {
    HarmType.FEAR_OF_DISTRIBUTION: gettext_noop("Nothing is known to be spread; the person fears that it will be."),
    HarmType.ILLEGAL_FILMING: gettext_noop("Filmed or photographed without consent."),
    HarmType.DISTRIBUTION: gettext_noop("Spread, sold or shown to others without consent."),
    HarmType.DISTRIBUTION_THREAT: gettext_noop("Somebody threatens to spread it."),
    HarmType.SYNTHESIS: gettext_noop("A face or body put into sexual images, among them deepfakes."),
    HarmType.CYBER_HARASSMENT: gettext_noop("Sexual insults, messages or images sent against the person's will."),
    HarmType.ONLINE_GROOMING: gettext_noop("A child or young person approached online for sexual ends."),
    HarmType.BODY_CAM_PHISHING: gettext_noop("Lured into a sexual video call that was recorded, then blackmailed."),
    HarmType.CHILD_MATERIAL: gettext_noop("Sexual material that shows a child or young person."),
    HarmType.OTHER: gettext_noop("None of the other harm types."),
}
TIMES: Final[Mapping[str, str]] = {
    "within_5_min": gettext_noop("Acknowledged no later than 5 minutes after acceptance."),
    "within_15_min": gettext_noop("Acknowledged after more than 5 minutes, up to 15."),
    "within_1_hour": gettext_noop("Acknowledged after more than 15 minutes, up to 1 hour."),
    "within_4_hours": gettext_noop("Acknowledged after more than 1 hour, up to 4."),
    "within_12_hours": gettext_noop("Acknowledged after more than 4 hours, up to 12."),
    "within_1_day": gettext_noop("Acknowledged after more than 12 hours, up to 1 day."),
    "within_3_days": gettext_noop("Acknowledged after more than 1 day, up to 3."),
    LONGER: gettext_noop("Acknowledged after more than 3 days."),
    UNANSWERED: gettext_noop("Not acknowledged by its centre when the month closed."),
}
ENDS: Final[Mapping[str, str]] = {
    IN_CARE: gettext_noop("Neither closed nor withdrawn when the month closed."),
    EndReason.CLOSED: gettext_noop("The centre closed the case and has not reopened it."),
    EndReason.WITHDRAWN: gettext_noop("The reporter withdrew the report and has not changed their mind."),
}
AGES: Final[Mapping[str, str]] = {
    AgeBand.UNDER_14: gettext_noop("The person harmed is younger than 14."),
    AgeBand.FROM_14_TO_18: gettext_noop("The person harmed is 14 to 18 years old."),
    AgeBand.FROM_19_TO_24: gettext_noop("The person harmed is 19 to 24 years old."),
    AgeBand.FROM_25_TO_29: gettext_noop("The person harmed is 25 to 29 years old."),
    AgeBand.THIRTIES: gettext_noop("The person harmed is 30 to 39 years old."),
    AgeBand.FORTIES: gettext_noop("The person harmed is 40 to 49 years old."),
    AgeBand.FIFTIES_UP: gettext_noop("The person harmed is 50 years old or older."),
    AgeBand.UNKNOWN: gettext_noop("The age was not told."),
}
GENDERS: Final[Mapping[str, str]] = {
    Gender.FEMALE: gettext_noop("The person harmed is female, as told."),
    Gender.MALE: gettext_noop("The person harmed is male, as told."),
    Gender.OTHER: gettext_noop("The person harmed named another gender."),
    Gender.UNKNOWN: gettext_noop("The gender was not told."),
}
URGENCIES: Final[Mapping[str, str]] = {
    Urgency.CRITICAL: gettext_noop("A person had to look within the hour."),
    Urgency.HIGH: gettext_noop("A person had to look within a day."),
    Urgency.NORMAL: gettext_noop("A person had to look within three days."),
}
ROLES: Final[Mapping[str, str]] = {
    Role.VICTIM: gettext_noop("The person harmed reported."),
    Role.REPRESENTATIVE: gettext_noop("Somebody acting for the person harmed reported, such as a parent."),
    Role.THIRD_PARTY: gettext_noop(
        "Somebody who came across it reported, or somebody in a role that this version does not know."
    ),
}
CHANNELS: Final[Mapping[str, str]] = {
    Channel.WEB: gettext_noop("By the form on the web."),
    Channel.PHONE: gettext_noop("By phone, written down by an operator."),
    Channel.API: gettext_noop("By the front end of another organisation, or a way that this version does not know."),
}
RELATIONSHIPS: Final[Mapping[str, str]] = {
    Relationship.TEMPORARY: gettext_noop("Met for a short time, mostly online."),
    Relationship.STRANGER: gettext_noop("The person harmed does not know who did it."),
    Relationship.INTIMATE: gettext_noop("A spouse or partner, present or former."),
    Relationship.SOCIAL: gettext_noop("Known from school, work, friends or the neighbourhood."),
    Relationship.FAMILY: gettext_noop("A member of the family."),
    Relationship.UNKNOWN: gettext_noop("The relationship was not told."),
}
PLATFORMS: Final[Mapping[str, str]] = {
    PlatformKind.SOCIAL_MEDIA: gettext_noop("Social networks and video platforms."),
    PlatformKind.MESSENGER: gettext_noop("Private messages and chat rooms."),
    PlatformKind.ADULT_SITE: gettext_noop("Sites of pornographic content."),
    PlatformKind.SEARCH_ENGINE: gettext_noop("Results of a search engine."),
    PlatformKind.COMMUNITY: gettext_noop("Forums and boards."),
    PlatformKind.FILE_SHARING: gettext_noop("File sharing, peer to peer and cloud storage."),
    PlatformKind.OTHER: gettext_noop("Another kind of platform."),
    PlatformKind.UNKNOWN: gettext_noop("The platform was not told."),
}
SUPPORTS: Final[Mapping[str, str]] = {
    SupportKind.COUNSELLING: gettext_noop("A conversation with a counsellor."),
    SupportKind.DELETION: gettext_noop("Asking platforms to remove the material."),
    SupportKind.MONITORING: gettext_noop("Watching whether it appears again."),
    SupportKind.INVESTIGATION: gettext_noop("Collecting evidence and going to the police together."),
    SupportKind.LEGAL: gettext_noop("A lawyer or legal advice."),
    SupportKind.MEDICAL: gettext_noop("Treatment or its costs."),
    SupportKind.PSYCHOLOGICAL: gettext_noop("Therapy or psychological care."),
    SupportKind.ACCOMPANIMENT: gettext_noop("Somebody goes along to an appointment."),
    UNKNOWN: gettext_noop("A kind of support that this version does not know."),
}
MOVES: Final[Mapping[str, str]] = {
    "handed_on": gettext_noop("Another centre accepted a transfer, or the home centre took the report back by one."),
    "moved_otherwise": gettext_noop("Assigned anew without a transfer, as when a centre closed."),
}
RESIDENCES: Final[Mapping[str, str]] = {
    **dict.fromkeys(sorted(HOMES), gettext_noop("The person harmed lives there, as last told.")),
    "seoul": gettext_noop("The person harmed lives in Seoul, where none of the centres is at home."),
    "jeonnam-gwangju": gettext_noop(
        "The person harmed lives in Gwangju or Jeonnam, which have a centre each and are one division since July 2026."
    ),
    "overseas": gettext_noop("The person harmed lives outside Korea."),
    UNKNOWN: gettext_noop("The residence was not told, or is one that this version does not know."),
}
ASSIGNMENTS: Final[Mapping[str, str]] = {
    AT_HOME: gettext_noop("The centre of the person's home took it."),
    OVERFLOW: gettext_noop(
        "There is a home centre; it was full, overloaded, closed or declined, or nobody was on duty there, and another "
        "one took it."
    ),
    NO_HOME: gettext_noop("No centre is at home in Seoul, abroad, or where the place or its district is not known."),
    LINKED: gettext_noop("It went to the centre that had a linked report already, or knew the reporter."),
    LAST_RESORT: gettext_noop(
        "No centre had room within the rule's limits, all were closed or declined, or nobody was on duty anywhere; "
        "also reasons that this version does not know."
    ),
}
CONTACTS: Final[Mapping[str, str]] = {
    "reached_1_hour": gettext_noop("Reached no later than 1 hour after acceptance."),
    "reached_1_day": gettext_noop("Reached after more than 1 hour, up to 1 day."),
    "reached_3_days": gettext_noop("Reached after more than 1 day, up to 3."),
    "reached_1_week": gettext_noop("Reached after more than 3 days, up to 7."),
    "reached_later": gettext_noop("Reached after more than 7 days."),
    "not_reached": gettext_noop(
        "Nobody had been in touch with the reporter when the month closed, or nobody recorded it. Among them are "
        "people who allowed no contact, and reports withdrawn before anybody was in touch."
    ),
}
CLOSINGS: Final[Mapping[str, str]] = {
    Outcome.SUPPORTED: gettext_noop("The support was given and is complete."),
    Outcome.REFERRED: gettext_noop("Another organisation took the case over."),
    Outcome.NO_CONTACT: gettext_noop("The reporter could not be reached."),
    Outcome.NOT_IN_SCOPE: gettext_noop("The report was about something that these centres do not help with."),
    Outcome.DUPLICATE: gettext_noop("The same had been reported before."),
    UNKNOWN: gettext_noop("A former owner closed it, or the reason is one that this version does not know."),
}
CLOSING_TIMES: Final[Mapping[str, str]] = {
    "closed_1_day": gettext_noop("Closed no later than 1 day after acceptance."),
    "closed_3_days": gettext_noop("Closed after more than 1 day, up to 3."),
    "closed_1_week": gettext_noop("Closed after more than 3 days, up to 7."),
    "closed_2_weeks": gettext_noop("Closed after more than 7 days, up to 14."),
    "closed_later": gettext_noop("Closed after more than 14 days."),
    "closed_unknown": gettext_noop("Closed by a former owner: the time does not count."),
}
CORRECTIONS: Final[Mapping[str, str]] = {
    "came": gettext_noop("Reports of closed months that are counted now and were not when the month closed."),
    "gone": gettext_noop("Reports that were counted when the month closed and are not any more, as drills are not."),
    "moved_on": gettext_noop("Reports that another centre owns than when the month closed."),
    "outcome_changed": gettext_noop(
        "Reports of which something else has become than when the month closed, closing among it."
    ),
    "harm_changed": gettext_noop("Reports that have other harm types than when the month closed."),
    "reports": gettext_noop(
        "In earlier releases: by so many reports the closed months would differ if they were counted now."
    ),
    "moved": gettext_noop(
        "In earlier releases: at least so many reports would stand at another centre now; moves between two centres "
        "in opposite directions cancel out."
    ),
}
ALERTS: Final[Mapping[str, str]] = {
    "alerts_sent": gettext_noop("A channel took the alert: mail, webhook or another service."),
    "alerts_failed": gettext_noop(
        "A channel did not take it, every try by itself; there was nobody to tell; or a step began late and was "
        "carried out then."
    ),
    "escalations": gettext_noop("Nobody answered in time, and the next people were told."),
}
ALWAYS: Final[Mapping[str, str]] = {
    TOTAL: gettext_noop("All rows together, nationwide."),
    "reports": gettext_noop("Accepted reports that a centre owns."),
    "from_elsewhere": gettext_noop("Reports of people whose home has another centre, or none."),
}
CENTER: Final = gettext_noop("The centre that owned the report when the month closed.")
ROWS: Final[Mapping[str, str]] = {
    STAFF_TABLE: gettext_noop("The centre that people were on duty at."),
    MOVED_IN: gettext_noop("The centre that owns the report when the year is released."),
}
"""Of tables whose rows mean something else than their dimension does elsewhere."""
CENTRAL: Final = gettext_noop("The central desk, and owners that are no centre any more.")
WEEK: Final = gettext_noop("An ISO week from Monday to Sunday, as in 2026-W47.")
TOGETHER: Final = gettext_noop("Codes with a plus sign between them: those rows together, where they are hidden apart.")
LEVEL: Final = gettext_noop(
    "What a row stands for: “leaf” one place, week or value; “group” several that are shown only together; “region” "
    "several whose parts are shown too; “total” all. Leaves and groups do not overlap, so only they may be added up; "
    "of limits (“at_least”, “at_most”) leave out leaves that a “group” holds."
)
COUNTING: Final = (
    gettext_noop(
        "Ownership: a report stands at the centre that owned it when the month closed, in every table of that month. "
        "An acknowledgement counts as the owner's only if it was made under that ownership: a centre that handed the "
        "report on and got it back acknowledges it anew. “Seen” is the first acknowledgement by any centre."
    ),
    gettext_noop(
        "Withdrawal: a report counts as withdrawn whoever withdrew it, of those who may; it does not once it was "
        "reinstated. A closed case that is reopened, or that another centre then owns, is in care again."
    ),
    gettext_noop(
        "Closing: how a case was closed counts only if the centre that owned the report when the month closed closed "
        "it under that ownership; a closing by a former owner leaves the report closed and the way unknown."
    ),
    gettext_noop(
        "Newest: urgency, age, gender, harm types and the other words of a report are those of its newest version when "
        "the month closed, not those it came in with."
    ),
    gettext_noop(
        "Times are cut to whole milliseconds, then subtracted; clocks that are apart give 0. A group of times holds "
        "its upper limit. Hours on duty are rounded once, from the exact time. Shares are worked out from published "
        "numbers and rounded once, half of the last place up."
    ),
)
"""Definitions that decide a figure if the words of its table leave two readings."""
INTERVAL: Final = gettext_noop(
    "Between: of a year, a count that one of its months hides, by two numbers that it lies between. In CSV an asterisk "
    "beside “at_least” and “at_most”, in JSON “low” and “high”, in Parquet no value and the status “interval”."
)
HIDDEN: Final = gettext_noop(
    "Hidden: the number is known and not published. One mark for every hidden cell, whether it is small itself or "
    "would give a small one away; it may be 0, and may be 5 or more. In CSV an asterisk, in JSON “hidden”, in "
    "Parquet no value and the status “hidden”."
)
