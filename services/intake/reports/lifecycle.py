"""The end of a report's life: withdrawn, decided about, planned for destruction, erased. Dates and codes only."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """Immutable; fields of later builds are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Special(StrEnum):
    """Why a withdrawn report is not destroyed by itself but decided about by a lead."""

    CHILD_MATERIAL = "child_material"
    UNDER_14 = "under_14"
    REPRESENTATIVE = "representative"
    THIRD_PARTY = "third_party"


BY_OTHERS = frozenset({Special.REPRESENTATIVE, Special.THIRD_PARTY})
"""Made by somebody else than the person harmed."""


class Access(StrEnum):
    """Whether anybody may open the details."""

    OPEN = "open"
    SEALED = "sealed"
    ERASED = "erased"


class Category(StrEnum):
    """How long the law keeps something; see ``policy.retention``. Values are stored: never rename one."""

    PERMANENT = "permanent"
    TEN_YEARS = "ten_years"
    FIVE_YEARS = "five_years"
    AT_ONCE = "at_once"


class ErasureCause(StrEnum):
    """Why a key is destroyed."""

    WITHDRAWN = "withdrawn"
    """The time for second thoughts passed."""
    AT_ONCE = "at_once"
    """The person confirmed twice."""
    DECIDED = "decided"
    """A lead decided."""
    RETENTION = "retention"
    """The time the law keeps it passed."""


class Reason(StrEnum):
    """Why a lead decided as they did. Codes, because free text would hold what nobody may keep."""

    REQUESTER_ASKS = "requester_asks"
    VICTIM_AGREES = "victim_agrees"
    VICTIM_OBJECTS = "victim_objects"
    INVESTIGATION = "investigation"
    CHILD_MATERIAL_LAW = "child_material_law"
    NOT_CREDIBLE_REQUEST = "not_credible_request"


class ErasureStatus(StrEnum):
    """What a receipt says about a withdrawn report's destruction. Part of the API: only add."""

    PLANNED = "planned"
    DECISION = "decision"
    KEPT = "kept"
    ERASED = "erased"


class Withdrawal(FrozenModel):
    """The reporter took the report back."""

    at: datetime
    undo_until: datetime
    """Until when it can be undone; equal to ``at`` or later."""
    decided_before: int | None = None
    """How many decisions there were already; None: stored by a build that did not count them, or erased since."""


class ErasureDecision(FrozenModel):
    """A decision of a lead of the owning centre about a withdrawn report."""

    at: datetime
    by: str
    """The staff reference."""
    organisation: str
    destroy: bool
    reason: Reason
    category: Category | None = None
    """Under which line of the retention table it is kept."""
    keep_until: datetime | None = None
    """None with a category: for ever."""


class ErasurePlan(FrozenModel):
    """The announced destruction of a report's key."""

    cause: ErasureCause
    at: datetime
    announced_at: datetime
    category: Category | None = None


class Lifecycle(FrozenModel):
    """The end of a report, as stored under ``life``."""

    special: tuple[Special, ...] = ()
    """Reasons that ever applied; an amendment takes none away."""
    strictest: Category | None = None
    """The longest-kept line of the table that earlier facts fell under; None: the facts were never amended."""
    confirmed_at: datetime | None = None
    """When the person harmed confirmed a report made by somebody else, by an own channel."""
    confirmed_by: str | None = None
    handed_over_at: datetime | None = None
    """When somebody took over, with a code from whoever reported, what was reported for them."""
    withdrawal: Withdrawal | None = None
    reinstated_at: datetime | None = None
    decide_since: datetime | None = None
    """Since when a lead's decision is waited for."""
    decisions: tuple[ErasureDecision, ...] = ()
    plan: ErasurePlan | None = None
    erased_at: datetime | None = None
    by_other: bool = False
    """Only in what stays of an erased report: the receipt may not say what was decided."""

    @property
    def standing_decision(self) -> ErasureDecision | None:
        """The last decision about the withdrawal that stands; None if nobody decided since. One before was undone.

        Counted, for another clock than the withdrawal's may have dated the decision.
        """
        if self.withdrawal is None or not self.decisions:
            return None
        last, before = self.decisions[-1], self.withdrawal.decided_before
        since = last.at >= self.withdrawal.at if before is None else len(self.decisions) > before
        return last if since else None


NEW = Lifecycle()
