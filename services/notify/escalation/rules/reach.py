"""By which endpoints somebody is told. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.notify.cases.models import Target
from services.notify.escalation.rules.climbing import Plan
from shared.events.vocabulary import AlertChannel


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way to a target: an address, a webhook, an Apprise URL. ``key`` names it in the store and says no secret."""

    key: str
    target: Target
    channel: AlertChannel
    where: str
    """The address, or the name under which the channel keeps URL and secret."""


def reached_by(made: Plan, endpoints: Sequence[Endpoint]) -> tuple[list[Endpoint], list[Target]]:
    """The endpoints to tell now, and whoever has none at all.

    A target that has none of the step's channels is told by what it has: a wrong channel is better than silence.
    """
    chosen: list[Endpoint] = []
    nowhere: list[Target] = []
    for target in made.targets:
        own = [endpoint for endpoint in endpoints if endpoint.target is target]
        fitting = [endpoint for endpoint in own if endpoint.channel in made.channels]
        chosen += fitting or own
        if not own:
            nowhere.append(target)
    again = set(made.again)
    chosen += [e for e in endpoints if e.key in again and e.target not in made.targets]
    return chosen, nowhere
