"""What the page shows of one drill. Pure."""

from dataclasses import dataclass
from datetime import datetime

from services.intake.callbacks.models import Attempt, CallbackSubscription
from services.intake.reports.documents import CALLBACK, Document
from services.intake.reports.models import State, StatusAnswer


@dataclass(frozen=True, slots=True)
class SandboxDrill:
    """One drill as an integrator sees it."""

    report_id: str
    received_at: datetime
    state: State
    since: datetime
    center_ko: str
    center_en: str
    reference: str
    attempts: tuple[Attempt, ...]
    """Callbacks that were sent, and what was answered."""
    pending: int
    retry_at: datetime | None


def drill(document: Document, status: StatusAnswer, kept: CallbackSubscription | None) -> SandboxDrill:
    """A drill with where it stands and what became of its callbacks."""
    center, asked = status.center, document.get(CALLBACK) or {}
    return SandboxDrill(
        report_id=document["_id"],
        received_at=document["received_at"],
        state=status.state,
        since=status.since,
        center_ko=center.name_ko if center else "",
        center_en=center.name_en if center else "",
        reference=asked.get("reference", ""),
        attempts=kept.attempts if kept else (),
        pending=len(kept.pending) if kept else 0,
        retry_at=kept.due_at if kept else None,
    )
