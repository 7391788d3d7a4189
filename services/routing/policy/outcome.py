"""What a batch is decided with, and what it comes to. Pure values."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from services.routing.model import Draft, Refusal
from shared.centers import TABLES, Tables


@dataclass(slots=True)
class Outcome:
    """What a batch comes to."""

    drafts: list[Draft] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    deferred: list[int] = field(default_factory=list)
    """Places of events that wait until the log holds what this batch says about their report."""
    repeated: int = 0
    """Events already acted on."""
    void: Counter[str] = field(default_factory=Counter)
    """Events that change nothing, by reason: made under an ownership that is over, or no longer fitting the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When a batch is decided, and by which tables; which row of them counts, the day of the report's receipt says."""

    now: datetime
    tables: Tables = TABLES
