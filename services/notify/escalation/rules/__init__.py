"""Rules of alerting, pure: ``now`` is an argument.

``table`` says who is told when, ``runs`` when a ladder begins and ends, ``climbing`` what is due and what comes next,
``quiet`` what may wait, ``offers`` how a centre hears of an offer, ``bundling`` when many alerts become one message,
``reach`` by which endpoints somebody is told.
"""

from services.notify.escalation.rules.bundling import BUNDLE_SIZE, Sent, bundles, gathers_until
from services.notify.escalation.rules.climbing import NOTHING_LEFT, Left, Plan, Result, advance, alert_id, plan
from services.notify.escalation.rules.ids import JITTER, RETRY_MAX_S, bundle_id, retry_at
from services.notify.escalation.rules.offers import OFFER_LASTS, Notice, notice, offer_id
from services.notify.escalation.rules.quiet import QuietHours, Rules
from services.notify.escalation.rules.reach import Endpoint, reached_by
from services.notify.escalation.rules.runs import (
    ALWAYS,
    begin,
    contacted,
    next_due,
    rescheduled,
    scheduled,
    stop,
    watch,
)
from services.notify.escalation.rules.table import (
    CONTACT_WITHIN,
    LADDER,
    OVERDUE_AFTER,
    RANK,
    TABLE_VERSION,
    Step,
    is_last,
    step_of,
)

__all__ = [
    "ALWAYS",
    "BUNDLE_SIZE",
    "CONTACT_WITHIN",
    "JITTER",
    "LADDER",
    "NOTHING_LEFT",
    "OFFER_LASTS",
    "OVERDUE_AFTER",
    "RANK",
    "RETRY_MAX_S",
    "TABLE_VERSION",
    "Endpoint",
    "Left",
    "Notice",
    "Plan",
    "QuietHours",
    "Result",
    "Rules",
    "Sent",
    "Step",
    "advance",
    "alert_id",
    "begin",
    "bundle_id",
    "bundles",
    "contacted",
    "gathers_until",
    "is_last",
    "next_due",
    "notice",
    "offer_id",
    "plan",
    "reached_by",
    "rescheduled",
    "retry_at",
    "scheduled",
    "step_of",
    "stop",
    "watch",
]
