"""Where alerts for a centre go: the desks' addresses, webhooks and Apprise URLs of the deployment. Pure.

A desk is whoever works there now: it is asked for at every telling, so that what was taken out of the settings is told
nothing more. No personal address is kept anywhere.
"""

from functools import cache

from services.notify.cases.models import CENTRAL_DESK, Target
from services.notify.escalation.rules import Endpoint
from services.notify.settings import NotifySettings
from shared.events.vocabulary import AlertChannel

ANY_CENTER = "*"


def address(settings: NotifySettings, center_id: str, target: Target) -> str:
    """The mail address of one of a centre's desks, or of the central night desk; empty where there is none."""
    if target is Target.CENTRAL:
        return settings.central_address
    templates = {
        Target.DUTY: settings.duty_address,
        Target.COLLEAGUES: settings.colleagues_address,
        Target.LEAD: settings.lead_address,
    }
    return templates[target].replace("{center}", center_id)


class Directory:
    """The endpoints of every centre, as the settings have them."""

    def __init__(self, settings: NotifySettings) -> None:
        self._settings = settings
        self.of = cache(self._of)

    def _of(self, center_id: str) -> tuple[Endpoint, ...]:
        """Every endpoint of a centre, ``central``'s night desk among them."""
        return tuple(endpoint for target in Target for endpoint in self._to(center_id, target))

    def _to(self, center_id: str, target: Target) -> list[Endpoint]:
        place = f"{CENTRAL_DESK if target is Target.CENTRAL else center_id}/{target}"
        found = []
        to = address(self._settings, center_id, target)
        if to:
            found.append(Endpoint(f"email:{place}", target, AlertChannel.EMAIL, to))
        for channel, names in (
            (AlertChannel.WEBHOOK, self._settings.webhooks),
            (AlertChannel.APPRISE, self._settings.apprise_urls),
        ):
            name = place if place in names else f"{ANY_CENTER}/{target}"
            if name in names:
                found.append(Endpoint(f"{channel}:{place}", target, channel, name))
        return found
