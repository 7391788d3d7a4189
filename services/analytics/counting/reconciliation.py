"""All accounted for (docs/architecture.md, promise 3): accepted = routed + in flight + dead, from both ends.

``accepted`` and ``routed`` are running sums kept by increments while the topics are read. What is under way is counted
apart from them, over the facts themselves. The two ways must agree; a difference means that a report was lost, counted
twice, or that a sum drifted.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ReconciliationCounts:
    """The store's counts at one moment. Drills are in none of them."""

    sums: dict[str, int]
    """Running sums by stage: accepted, routed, alerted, acknowledged, counted."""
    without_owner: int
    """Facts accepted and without owner, dead or not."""
    dead: int
    """Of those, the ones whose record lies in the dead topic."""
    ahead: int
    """Facts whose routing was read before their acceptance: the topics are read side by side, so this passes."""
    oldest: datetime | None
    """When the longest waiting report without owner was accepted."""
    oldest_ahead: datetime | None = None
    """When the report that is ahead for longest was accepted, by its routing; of those that were not given up."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """National totals. ``difference`` must be 0."""

    accepted: int
    routed: int
    alerted: int
    acknowledged: int
    counted: int
    in_flight: int
    dead: int
    ahead: int
    difference: int
    oldest_in_flight_seconds: float | None
    oldest_ahead_seconds: float | None
    """Age of the report that is ahead for longest; of those that were not given up."""


def reconcile(counts: ReconciliationCounts, now: datetime) -> Reconciliation:
    """The equation filled in. ``now`` gives the ages of the oldest reports in flight and ahead."""
    accepted, routed = counts.sums.get("accepted", 0), counts.sums.get("routed", 0)
    in_flight = counts.without_owner - counts.dead
    return Reconciliation(
        accepted=accepted,
        routed=routed,
        alerted=counts.sums.get("alerted", 0),
        acknowledged=counts.sums.get("acknowledged", 0),
        counted=counts.sums.get("counted", 0),
        in_flight=in_flight,
        dead=counts.dead,
        ahead=counts.ahead,
        difference=accepted - (routed - counts.ahead) - in_flight - counts.dead,
        oldest_in_flight_seconds=_age(counts.oldest, now) if in_flight else None,
        oldest_ahead_seconds=_age(counts.oldest_ahead, now),
    )


def _age(since: datetime | None, now: datetime) -> float | None:
    return max(0.0, (now - since).total_seconds()) if since is not None else None
