"""The sentences and words people read about decisions, as English message ids. Events carry codes only."""

from typing import Final

from services.routing.assignment.geography import Distance
from services.routing.figures import Band
from services.routing.live import Order
from shared.events.vocabulary import UNKNOWN, CenterState, PassedOver
from shared.web.translations import gettext_noop
from shared.words import CENTER_STATES, NOT_KNOWN

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

BANDS: Final = {
    Band.FREE: gettext_noop("Room"),
    Band.BUSY: gettext_noop("Half full or more"),
    Band.NEARLY_FULL: gettext_noop("Nearly full"),
    Band.FULL: gettext_noop("Full"),
    Band.CLOSED: CENTER_STATES[CenterState.CLOSED],
    Band.UNSTAFFED: CENTER_STATES[CenterState.UNSTAFFED],
}

BAND_NOTES: Final = {Band.CLOSED: gettext_noop("closed"), Band.UNSTAFFED: gettext_noop("nobody there")}
"""On the map, where there is room for a few letters only."""

ORDERS: Final = {
    Order.WAITING: gettext_noop("The centres now, who waits longest first"),
    Order.LOAD: gettext_noop("The centres now, the busiest first"),
    Order.NAME: gettext_noop("The centres now, by name"),
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
