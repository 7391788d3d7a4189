"""The sentences of a decision, as English message ids whose holes take the figures that decided.

``home`` and ``chosen`` are names of centres, ``how`` says how the chosen one lies to the home, ``…_used`` is the load
with the case of what the staff can carry, ``limit`` the rule's. What was not recorded leaves its sentence unsaid; a
plain one of ``shared.labels.ROUTING_REASONS`` then stands for it.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from services.routing.assignment.geography import Distance
from shared.events.vocabulary import (
    UNKNOWN,
    CauseKind,
    CenterState,
    EndReason,
    PassedOver,
    RoutingReason,
    UpdateKind,
)
from shared.labels import CENTER_STATES, NOT_KNOWN
from shared.web.translations import gettext_noop

VERDICTS: Final = {
    PassedOver.CHOSEN: gettext_noop("Chosen"),
    PassedOver.CLOSED: CENTER_STATES[CenterState.CLOSED],
    PassedOver.DECLINED: gettext_noop("Declined by the reporter"),
    PassedOver.BUSIER: gettext_noop("Busier"),
    PassedOver.FULL: gettext_noop("Full"),
    PassedOver.OUT_OF_REACH: gettext_noop("Farther than needed"),
    PassedOver.KEPT_AT_HOME: gettext_noop("Not needed"),
    PassedOver.UNSTAFFED: CENTER_STATES[CenterState.UNSTAFFED],
    PassedOver.SEVERE_FULL: gettext_noop("As many severe cases as it may have"),
    PassedOver.RESERVED: gettext_noop("Keeps its room for its own people"),
    PassedOver.NOT_CLEARLY_BETTER: gettext_noop("Not clearly better than home"),
    UNKNOWN: NOT_KNOWN,
}

HOWS: Final = {
    Distance.HOME: gettext_noop("the home centre"),
    Distance.FIRST: gettext_noop("one of those asked first"),
    Distance.LAND: gettext_noop("across the land border"),
    Distance.SEA_AIR: gettext_noop("by ferry or flight"),
    Distance.TWO_STEPS: gettext_noop("two borders away"),
    Distance.FURTHER: gettext_noop("further away"),
}
"""Within a sentence, beside the name of the centre."""

DISTANCES: Final = {
    Distance.HOME: gettext_noop("Home"),
    Distance.FIRST: gettext_noop("Asked first"),
    Distance.LAND: gettext_noop("Land border"),
    Distance.SEA_AIR: gettext_noop("Ferry or flight"),
    Distance.TWO_STEPS: gettext_noop("Two borders"),
    Distance.FURTHER: gettext_noop("Further"),
}

WHY: Final = {
    RoutingReason.HOME: gettext_noop(
        "%(chosen)s is the home centre and had room: %(chosen_used)s with this case (limit %(limit)s)."
    ),
    RoutingReason.HOME_FULL_NEIGHBOUR: gettext_noop(
        "Home %(home)s was at %(home_used)s with this case (limit %(limit)s); %(chosen)s, %(how)s, at %(chosen_used)s."
    ),
    RoutingReason.HOME_FULL_WIDER: gettext_noop(
        "Home %(home)s was at %(home_used)s with this case (limit %(limit)s) and no neighbour could take it; "
        "%(chosen)s, %(how)s, was at %(chosen_used)s."
    ),
    RoutingReason.HOME_CLOSED: gettext_noop(
        "Home %(home)s was closed; %(chosen)s, %(how)s, was at %(chosen_used)s with this case."
    ),
    RoutingReason.HOME_DECLINED: gettext_noop(
        "The reporter does not want the home centre, %(home)s; %(chosen)s, %(how)s, was at %(chosen_used)s "
        "with this case."
    ),
    RoutingReason.NO_HOME_SEOUL: gettext_noop(
        "Seoul has no centre of its own in this system; of the nearest that could take it %(chosen)s was the least "
        "busy: %(chosen_used)s with this case."
    ),
    RoutingReason.NO_HOME_OVERSEAS: gettext_noop(
        "The report comes from abroad and has no home centre; of those that could take it %(chosen)s was the least "
        "busy: %(chosen_used)s with this case."
    ),
    RoutingReason.NO_HOME_UNKNOWN: gettext_noop(
        "The place is not known, so there is no home centre; of those that could take it %(chosen)s was the least "
        "busy: %(chosen_used)s with this case."
    ),
    RoutingReason.NO_HOME_DISTRICT_UNKNOWN: gettext_noop(
        "The district is not known and several centres may be home; of the nearest that could take it %(chosen)s was "
        "the least busy: %(chosen_used)s with this case."
    ),
    RoutingReason.LINKED: gettext_noop(
        "%(chosen)s already looks after a linked report, and stays with it: %(chosen_used)s with this case."
    ),
    RoutingReason.ALL_FULL: gettext_noop(
        "No centre could take it within its limits; %(chosen)s has it all the same, and is at %(chosen_used)s with it."
    ),
    RoutingReason.HOME_SEVERE_FULL: gettext_noop(
        "The people at home, %(home)s, had %(home_severe)s severe cases of at most %(home_cap)s; %(chosen)s, %(how)s, "
        "had %(chosen_severe)s of %(chosen_cap)s."
    ),
    RoutingReason.HOME_UNSTAFFED: gettext_noop(
        "It cannot wait and nobody was on duty at home, %(home)s; on duty at %(chosen)s, %(how)s: %(chosen_staff)s."
    ),
    RoutingReason.HOME_OVERLOADED: gettext_noop(
        "Home %(home)s was at %(home_used)s with this case, past what its staff can carry; %(chosen)s, %(how)s, "
        "at %(chosen_used)s, gave room it keeps for its own people."
    ),
    RoutingReason.NOBODY_ON_DUTY: gettext_noop(
        "It cannot wait and nobody was on duty at any centre that may take it; %(chosen)s owns it and the central "
        "centre was told."
    ),
    RoutingReason.RETURNED_HOME: gettext_noop("A transfer brought it back to %(chosen)s, its home centre."),
    RoutingReason.TRANSFER_ACCEPTED: gettext_noop("%(chosen)s accepted a transfer; no other centre was weighed."),
}

HOME_ANYWAY: Final = gettext_noop(
    "Home %(home)s was at %(home_used)s with this case, past the limit of %(limit)s, but no centre that could take "
    "it was clearly better."
)
SEVERE_ANYWAY: Final = gettext_noop(
    "The people at home, %(home)s, have %(home_severe)s severe cases of at most %(home_cap)s, but no other centre "
    "could take another."
)
OVER_CAPACITY: Final = gettext_noop("%(chosen)s is past what its staff can carry.")
OVER_CAPACITY_USED: Final = gettext_noop("%(chosen)s is past what its staff can carry: %(used)s with this case.")
RETURN: Final = gettext_noop("%(home)s may ask for it back.")
KNOWS: Final = gettext_noop("%(linked)s knows a linked report and could not take this one: %(why)s.")
KNOWS_CENTRAL: Final = gettext_noop(
    "The central centre knows a linked report, but owns reports only while no other centre may."
)
COPY: Final = {
    "child": gettext_noop("The central centre is on copy, because it concerns a child."),
    "no_home": gettext_noop("The central centre is on copy, because there is no home centre."),
    "nobody": gettext_noop("The central centre is on copy, because nobody was on duty."),
    "full": gettext_noop("The central centre is on copy, because nobody had room."),
    "other": gettext_noop("The central centre is on copy."),
}
WEIGHT: Final = gettext_noop("This case counts as %(cases)s normal cases.")
VERSION: Final = gettext_noop("Rule %(rule)s, tables of %(tables)s")

MOVED: Final = {
    CauseKind.CASE_EVENT: gettext_noop("%(left)s and %(chosen)s agreed to hand it on."),
    CauseKind.REPORT: gettext_noop("The reporter added that they do not want %(left)s."),
    CauseKind.CENTER_CLOSED: gettext_noop("%(left)s closed before anybody there had answered."),
}
"""Why an owner changed; the decision then says why it became this one."""
CAME_BACK: Final[Mapping[tuple[CauseKind, EndReason | None], str]] = {
    (CauseKind.REPORT, EndReason.WITHDRAWN): gettext_noop(
        "The reporter undid the withdrawal; %(left)s is closed by now, or they do not want it."
    ),
    (CauseKind.REPORT, EndReason.CLOSED): gettext_noop(
        "%(left)s had closed the case. The reporter added that they do not want %(left)s, so it is open elsewhere."
    ),
    (CauseKind.CASE_EVENT, EndReason.CLOSED): gettext_noop(
        "The case was reopened; %(left)s is closed by now, or the reporter does not want it."
    ),
}
"""The same where the record also opens again what had ended: by what made it, and how it had ended."""
UPDATED: Final = {
    UpdateKind.AMENDED: gettext_noop("The reporter added something; %(owner)s was told."),
    UpdateKind.MESSAGE_LEFT: gettext_noop("The reporter left a message; %(owner)s was told."),
    UpdateKind.REOPENED: gettext_noop("%(owner)s took the case up again."),
    UpdateKind.REINSTATED: gettext_noop("The reporter undid the withdrawal; %(owner)s has it again."),
    UpdateKind.TRANSFER_VOID: gettext_noop("A transfer was accepted and could not be carried out; %(owner)s keeps it."),
}
ENDED: Final = {
    EndReason.WITHDRAWN: gettext_noop("The reporter withdrew the report; all contact stops."),
    EndReason.CLOSED: gettext_noop("%(owner)s closed the case."),
}


@cache
def holes(message: str) -> frozenset[str]:
    """The names of what a sentence has to be given."""
    return frozenset(re.findall(r"%\((\w+)\)s", message))
