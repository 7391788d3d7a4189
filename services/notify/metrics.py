"""Metrics of notify. No label names a centre, a person or a report."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from shared.events.vocabulary import Urgency
from shared.metrics import LATENCY_BUCKETS, REGISTRY

ALERTS: Final = Counter(
    "ieum_notify_alerts", "Alerts by channel, step and outcome.", ["channel", "step", "outcome"], registry=REGISTRY
)
ESCALATED: Final = Counter("ieum_notify_escalations", "Cases that reached the next step.", ["step"], registry=REGISTRY)
NOBODY: Final = Counter(
    "ieum_notify_alerts_without_duty", "Alerts that found nobody on duty at the centre.", registry=REGISTRY
)
AUDITOR_SILENT: Final = Gauge(
    "ieum_notify_auditor_silence_seconds",
    "Since the auditor of alerts last looked; since this process started where it never did, or over an hour before.",
    registry=REGISTRY,
)
OVERDUE: Final = Counter("ieum_notify_overdue_steps", "Steps that began much later than due.", registry=REGISTRY)
DUE: Final = Gauge(
    "ieum_notify_due_alerts",
    "Cases whose next step is due and not claimed; NaN while the store is away.",
    registry=REGISTRY,
)
OLDEST: Final = Gauge(
    "ieum_notify_oldest_unacknowledged_case_age_seconds",
    "Age of the oldest case nobody has acknowledged; no drills.",
    registry=REGISTRY,
)
STREAMS: Final = Gauge("ieum_notify_open_streams", "Consoles listening.", registry=REGISTRY)
DROPPED: Final = Counter(
    "ieum_notify_streams_dropped", "Consoles dropped because they read too slowly.", registry=REGISTRY
)
FEED_OVERFLOWS: Final = Counter(
    "ieum_notify_console_feed_overflows",
    "Times more changed at once than is remembered; consoles reload.",
    registry=REGISTRY,
)
ACTS: Final = Counter(
    "ieum_notify_case_commands", "Commands of staff by command and outcome.", ["command", "outcome"], registry=REGISTRY
)
UNCONFIRMED: Final = Gauge(
    "ieum_notify_unconfirmed_commands",
    "Cases that routing has not moved, closed or reopened within 30 s; NaN while the store is away.",
    registry=REGISTRY,
)
OFFER_MAILS: Final = Counter(
    "ieum_notify_offer_mails", "Alerts about offers, by whatever channel, by outcome.", ["outcome"], registry=REGISTRY
)
TICKETS: Final = Counter(
    "ieum_notify_details_tickets", "Tickets to details by outcome.", ["outcome"], registry=REGISTRY
)
SIGNED_OUT: Final = Counter(
    "ieum_notify_streams_signed_out", "Streams ended because the person is signed in no more.", registry=REGISTRY
)
DEAD_UNREAD: Final = Gauge(
    "ieum_notify_unread_dead_letters", "Dead records central has not read of.", registry=REGISTRY
)
TO_ALERT: Final = Histogram(
    "ieum_notify_accepted_to_alert_seconds",
    "From accepted to the first alert taken, by urgency.",
    ["urgency"],
    buckets=(1, 5, 10, 30, 60, 300),
    registry=REGISTRY,
)
TO_ACKNOWLEDGED: Final = Histogram(
    "ieum_notify_owned_to_acknowledged_seconds",
    "From routing's decision, or from when a case came back, to the owning centre's next acknowledgement, by urgency; "
    "quiet hours do not count for what is not urgent; a case that nobody acknowledges, and a drill of a front end that "
    "is being tried out, is in no bucket.",
    ["urgency"],
    buckets=(60, 120, 300, 600, 1800, 3600, 14400),
    registry=REGISTRY,
)
TO_SHOWN: Final = Histogram(
    "ieum_notify_accepted_to_shown_seconds",
    "From accepted to the row handed to consoles.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
NOT_STORED: Final = Gauge(
    "ieum_notify_unstored_cases", "New cases shown to consoles that the store has not confirmed yet.", registry=REGISTRY
)
DRILLS: Final = Counter("ieum_notify_drills", "Drills by what came of them.", ["verdict"], registry=REGISTRY)

for urgency in Urgency:
    # A series that appears with its first observation hides that observation from rate().
    TO_ALERT.labels(urgency.value)
    TO_ACKNOWLEDGED.labels(urgency.value)
