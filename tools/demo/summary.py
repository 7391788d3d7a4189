"""The end of a demonstration: what was counted at each stage, and whether it agrees."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.demo.ledger import Ledger


def percentile(values: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile, or None of nothing. ``share`` between 0 and 1."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts of distinct reports of this run only; latencies in milliseconds from the 202 to the console's stream."""

    accepted: int
    repeats: int
    routed: int
    alerted: int
    counted: int
    lost: int
    owned_twice: int
    acknowledged: int
    shown: int
    refused: Mapping[str, int]
    by_center: Mapping[str, int]
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    unexpected: Sequence[str]
    """Answers that were not what the request called for, one line each."""

    @property
    def problems(self) -> list[str]:
        """All reasons why this run failed; empty if it did not."""
        found = list(self.unexpected)
        for name in ("routed", "alerted", "counted"):
            value = getattr(self, name)
            if value != self.accepted:
                found.append(f"accepted {self.accepted}, but {name} {value}")
        if self.lost:
            found.append(f"lost {self.lost}")
        if self.owned_twice:
            found.append(f"owned twice {self.owned_twice}")
        if self.accepted == 0:
            found.append("nothing was accepted")
        return found

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``summary.json``; ``refused`` is the number, ``refused_why`` the kinds."""
        return {
            "accepted": self.accepted,
            "routed": self.routed,
            "alerted": self.alerted,
            "counted": self.counted,
            "lost": self.lost,
            "owned_twice": self.owned_twice,
            "refused": sum(self.refused.values()),
            "p50_ms": self.p50_ms,
            "p95_ms": self.p95_ms,
            "p99_ms": self.p99_ms,
            "refused_why": dict(self.refused),
            "repeats": self.repeats,
            "acknowledged": self.acknowledged,
            "shown": self.shown,
            "by_center": dict(self.by_center),
            "problems": self.problems,
        }


def owned_twice(report_id: str, ledger: Ledger, elsewhere: Collection[str]) -> bool:
    """Return whether an owner unknown to the log was told anywhere. ``elsewhere``: centres that others named as owners.

    True as well where the log itself names two at once. One after the other is a transfer.
    """
    state = ledger.owned.get(report_id)
    known = {center for claimed in state.claims.values() for center in claimed} if state is not None else set()
    return ledger.owned_twice(report_id) or (bool(known) and any(center not in known for center in elsewhere))


def counted_of_run(analytics_total: int, accepted: Collection[str], ledger: Ledger) -> int:
    """Count this run's reports in analytics: its total less every other real report on the bus."""
    others = len(ledger.received.keys() - ledger.drills - set(accepted))
    return analytics_total - others


def summarise(
    *,
    accepted: Collection[str],
    repeats: int,
    refused: Mapping[str, int],
    ledger: Ledger,
    counted: int,
    owners_elsewhere: Mapping[str, Collection[str]],
    shown_ms: Mapping[str, float],
    unexpected: Sequence[str],
) -> Summary:
    """Compare what the answers promised with what the log, analytics and the console say about the same reports.

    ``counted`` is analytics' number without the reports of others (see ``counted_of_run``).
    """
    routed = {report_id for report_id in accepted if ledger.owner(report_id) is not None}
    alerted = {report_id for report_id in accepted if ledger.alerts[report_id]}
    whole = {report_id for report_id in routed & alerted if ledger.received[report_id]}
    missing = max(len(set(accepted) - whole), len(set(accepted)) - counted)
    times = [value for report_id, value in shown_ms.items() if report_id in accepted]
    p50, p95, p99 = (percentile(times, share) for share in (0.50, 0.95, 0.99))
    return Summary(
        accepted=len(set(accepted)),
        repeats=repeats,
        routed=len(routed),
        alerted=len(alerted),
        counted=counted,
        lost=max(0, missing),
        owned_twice=sum(owned_twice(r, ledger, owners_elsewhere.get(r, ())) for r in accepted),
        acknowledged=sum(1 for report_id in accepted if ledger.acknowledged[report_id]),
        shown=len(times),
        refused=dict(sorted(refused.items())),
        by_center=dict(Counter(str(ledger.owner(r)) for r in sorted(routed)).most_common()),
        p50_ms=_rounded(p50),
        p95_ms=_rounded(p95),
        p99_ms=_rounded(p99),
        unexpected=list(unexpected),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
