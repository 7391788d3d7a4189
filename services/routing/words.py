"""The sentences and words people read about decisions, as English message ids. Events carry codes only."""

from typing import Final

from services.routing.distance import Distance
from services.routing.figures import Band
from services.routing.live import Order
from shared.events.vocabulary import (
    CenterState,
    PassedOver,
    RoutingReason,
    TransferVoid,
    Urgency,
)
from shared.web.translations import gettext_noop

REASONS: Final = {
    RoutingReason.HOME: gettext_noop("The home centre has room."),
    RoutingReason.HOME_FULL_NEIGHBOUR: gettext_noop("The home centre is busy; a neighbour has more room."),
    RoutingReason.HOME_FULL_WIDER: gettext_noop("The home centre and its neighbours are full; this one has room."),
    RoutingReason.HOME_CLOSED: gettext_noop("The home centre is closed."),
    RoutingReason.HOME_DECLINED: gettext_noop("The reporter does not want the home centre."),
    RoutingReason.NO_HOME_SEOUL: gettext_noop("Seoul has no centre of its own here; the least busy nearby takes it."),
    RoutingReason.NO_HOME_OVERSEAS: gettext_noop("The report comes from abroad; the least busy centre takes it."),
    RoutingReason.NO_HOME_UNKNOWN: gettext_noop("The place is not known; the least busy centre takes it."),
    RoutingReason.NO_HOME_DISTRICT_UNKNOWN: gettext_noop("The district is not known; the less busy of two takes it."),
    RoutingReason.LINKED: gettext_noop("The centre already looks after a linked report."),
    RoutingReason.ALL_FULL: gettext_noop("No centre had room within its limits; this one has it all the same."),
    RoutingReason.ALL_CLOSED: gettext_noop("Every centre that may take it is closed; the central centre takes it."),
    RoutingReason.TRANSFER_ACCEPTED: gettext_noop("The centre accepted a transfer."),
    RoutingReason.HOME_SEVERE_FULL: gettext_noop(
        "The people at the home centre have as many severe cases as they may; this one can take another."
    ),
    RoutingReason.HOME_UNSTAFFED: gettext_noop(
        "It cannot wait and nobody is on duty at the home centre; here somebody is."
    ),
    RoutingReason.HOME_OVERLOADED: gettext_noop(
        "The home centre is past what its staff can carry; this one gives room it keeps for its own people."
    ),
    RoutingReason.NOBODY_ON_DUTY: gettext_noop(
        "It cannot wait and nobody is on duty anywhere; the central centre is told."
    ),
    RoutingReason.RETURNED_HOME: gettext_noop("A transfer brought it back to its home centre."),
}

VERDICTS: Final = {
    PassedOver.CHOSEN: gettext_noop("Chosen"),
    PassedOver.CLOSED: gettext_noop("Closed"),
    PassedOver.DECLINED: gettext_noop("Declined by the reporter"),
    PassedOver.BUSIER: gettext_noop("Busier"),
    PassedOver.FULL: gettext_noop("Full"),
    PassedOver.OUT_OF_REACH: gettext_noop("Farther than needed"),
    PassedOver.KEPT_AT_HOME: gettext_noop("Not needed"),
    PassedOver.UNSTAFFED: gettext_noop("Nobody on duty"),
    PassedOver.SEVERE_FULL: gettext_noop("As many severe cases as it may have"),
    PassedOver.RESERVED: gettext_noop("Keeps its room for its own people"),
    PassedOver.NOT_CLEARLY_BETTER: gettext_noop("Not clearly better than home"),
}

STATES: Final = {
    CenterState.OPEN: gettext_noop("Open"),
    CenterState.SHORT_STAFFED: gettext_noop("Short-staffed"),
    CenterState.CLOSED: gettext_noop("Closed"),
    CenterState.UNSTAFFED: gettext_noop("Nobody on duty"),
}

BANDS: Final = {
    Band.FREE: gettext_noop("Room"),
    Band.BUSY: gettext_noop("Half full or more"),
    Band.NEARLY_FULL: gettext_noop("Nearly full"),
    Band.FULL: gettext_noop("Full"),
    Band.CLOSED: gettext_noop("Closed"),
    Band.UNSTAFFED: gettext_noop("Nobody on duty"),
}

BAND_NOTES: Final = {Band.CLOSED: gettext_noop("closed"), Band.UNSTAFFED: gettext_noop("nobody there")}
"""On the map, where there is room for a few letters only."""

ORDERS: Final = {
    Order.WAITING: gettext_noop("The centres now, who waits longest first"),
    Order.LOAD: gettext_noop("The centres now, the busiest first"),
    Order.NAME: gettext_noop("The centres now, by name"),
}

VOIDS: Final = {
    TransferVoid.SAME_OWNER: gettext_noop("The centre that accepted owned the report already."),
    TransferVoid.DECLINED: gettext_noop("The reporter does not want the centre that accepted."),
    TransferVoid.CENTER_CLOSED: gettext_noop("The centre that accepted had closed."),
    TransferVoid.CENTRAL_NOT_NEEDED: gettext_noop("The central centre takes a report only while no centre is open."),
}

CENTRAL_NAME: Final = gettext_noop("the central centre")

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

URGENCIES: Final = {
    Urgency.CRITICAL: gettext_noop("Critical"),
    Urgency.HIGH: gettext_noop("Urgent"),
    Urgency.NORMAL: gettext_noop("Normal"),
}
