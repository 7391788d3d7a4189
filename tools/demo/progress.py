"""Progress of the demonstration: written by submitter, stream reader and staff, read by the view."""

from collections import Counter
from dataclasses import dataclass, field

from tools.demo.ledger import Ledger
from tools.demo.summary import percentile


@dataclass(slots=True)
class Progress:
    """Times are seconds of one monotonic clock in one process, so differences are exact."""

    total: int = 0
    submitted: int = 0
    repeats: int = 0
    accepted_at: dict[str, float] = field(default_factory=dict)
    """When the 202 arrived, by report id."""
    receipts: dict[str, str] = field(default_factory=dict)
    """Receipts given to the reporters, by report id."""
    bodies: dict[str, bytes] = field(default_factory=dict)
    """Submissions sent."""
    shown_at: dict[str, float] = field(default_factory=dict)
    """When the console's stream first showed the report."""
    shown_by: dict[str, set[str]] = field(default_factory=dict)
    """Centres whose list the console showed it in."""
    acknowledged: Counter[str] = field(default_factory=Counter)
    """Acknowledgements notify took, by centre."""
    refused: Counter[str] = field(default_factory=Counter)
    counted: int = 0
    unexpected: list[str] = field(default_factory=list)

    def shown(self, report_id: str, center_id: str, at: float) -> None:
        """The stream showed a report in a centre's list."""
        self.shown_at.setdefault(report_id, at)
        self.shown_by.setdefault(report_id, set()).add(center_id)

    def latencies_ms(self) -> dict[str, float]:
        """Milliseconds from the 202 to the stream, for every report that has both.

        Where the stream was faster than the answer's way back to the submitter, the difference counts as 0.
        """
        both = self.accepted_at.keys() & self.shown_at.keys()
        return {r: max(0.0, self.shown_at[r] - self.accepted_at[r]) * 1000 for r in both}

    def oldest_waiting_s(self, now: float) -> float:
        """Age of the oldest accepted report that no console has shown yet; 0 where there is none."""
        waiting = [at for report_id, at in self.accepted_at.items() if report_id not in self.shown_at]
        return now - min(waiting) if waiting else 0.0

    def stages(self, ledger: Ledger) -> dict[str, int]:
        """Count the accepted reports by stage."""
        ids = self.accepted_at.keys()
        return {
            "accepted": len(ids),
            "routed": sum(1 for r in ids if ledger.owner(r) is not None),
            "shown": sum(1 for r in ids if r in self.shown_at),
            "alerted": sum(1 for r in ids if ledger.alerts[r]),
            "counted": self.counted,
            "acknowledged": sum(1 for r in ids if ledger.acknowledged[r]),
        }

    def percentiles_ms(self) -> tuple[float | None, float | None, float | None]:
        """p50, p95 and p99 of the latencies so far."""
        values = list(self.latencies_ms().values())
        return percentile(values, 0.50), percentile(values, 0.95), percentile(values, 0.99)
