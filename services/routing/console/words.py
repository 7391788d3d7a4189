"""Words of the console as English message ids."""

from typing import Final

from services.routing.assignment.bands import Band
from services.routing.console.live import Order
from shared.events.vocabulary import CenterState
from shared.labels import CENTER_STATES
from shared.web.translations import gettext_noop

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
