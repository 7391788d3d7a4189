"""Where alerts for a centre go. Pure; from settings until staff accounts hold the addresses."""

from services.notify.model import Target
from services.notify.settings import NotifySettings


def address(settings: NotifySettings, center_id: str, target: Target) -> str:
    """The mail address of a centre's duty desk or lead, or of the central night desk."""
    if target is Target.CENTRAL:
        return settings.central_address
    template = settings.duty_address if target is Target.DUTY else settings.lead_address
    return template.replace("{center}", center_id)
