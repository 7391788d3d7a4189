"""What happened and what was done about it, in the words that every page for staff and every table shares."""

from collections.abc import Mapping
from typing import Final

from shared.events.vocabulary import HarmType, SupportKind
from shared.web.translations import gettext_noop

HARM_WORDS: Final[Mapping[str, str]] = {
    HarmType.FEAR_OF_DISTRIBUTION: gettext_noop("Fear of distribution"),
    HarmType.ILLEGAL_FILMING: gettext_noop("Illegal filming"),
    HarmType.DISTRIBUTION: gettext_noop("Distribution"),
    HarmType.DISTRIBUTION_THREAT: gettext_noop("Threat to distribute"),
    HarmType.SYNTHESIS: gettext_noop("Synthesis or editing"),
    HarmType.CYBER_HARASSMENT: gettext_noop("Cyber harassment"),
    HarmType.ONLINE_GROOMING: gettext_noop("Online grooming"),
    HarmType.BODY_CAM_PHISHING: gettext_noop("Body-cam phishing"),
    HarmType.CHILD_MATERIAL: gettext_noop("Child sexual exploitation material"),
    HarmType.OTHER: gettext_noop("Other harm"),
}
SUPPORT_WORDS: Final[Mapping[str, str]] = {
    SupportKind.COUNSELLING: gettext_noop("Counselling"),
    SupportKind.DELETION: gettext_noop("Deletion support"),
    SupportKind.MONITORING: gettext_noop("Monitoring"),
    SupportKind.INVESTIGATION: gettext_noop("Link to investigators"),
    SupportKind.LEGAL: gettext_noop("Legal help"),
    SupportKind.MEDICAL: gettext_noop("Medical help"),
    SupportKind.PSYCHOLOGICAL: gettext_noop("Psychological help"),
    SupportKind.ACCOMPANIMENT: gettext_noop("Accompaniment"),
}
