"""What notify counts. No label names a centre, a person or a report."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from shared.metrics import LATENCY_BUCKETS, REGISTRY

ALERTS: Final = Counter(
    "notify_alerts", "Alerts by channel, step and outcome.", ["channel", "step", "outcome"], registry=REGISTRY
)
ESCALATED: Final = Counter("notify_escalations", "Cases that reached the next rung.", ["step"], registry=REGISTRY)
NOBODY: Final = Counter("notify_nobody_on_duty", "Alerts that found nobody on duty at the centre.", registry=REGISTRY)
AUDITOR_SILENT: Final = Gauge(
    "notify_auditor_silent_seconds", "Since the auditor of alerts last looked; infinite: never.", registry=REGISTRY
)
OVERDUE: Final = Counter("notify_overdue_steps", "Steps that began much later than due.", registry=REGISTRY)
BUNDLES: Final = Counter("notify_bundles", "Messages that stood for several alerts.", registry=REGISTRY)
DUE: Final = Gauge("notify_due_alerts", "Cases whose next step is due and not claimed.", registry=REGISTRY)
OLDEST: Final = Gauge(
    "notify_unacknowledged_oldest_age_seconds", "Age of the oldest case nobody has acknowledged.", registry=REGISTRY
)
STREAMS: Final = Gauge("notify_open_streams", "Consoles listening.", registry=REGISTRY)
DROPPED: Final = Counter("notify_dropped_streams", "Consoles dropped because they read too slowly.", registry=REGISTRY)
FEED_OVERFLOWS: Final = Counter(
    "notify_console_feed_overflows",
    "Times more changed at once than is remembered; consoles reload.",
    registry=REGISTRY,
)
ACKNOWLEDGED: Final = Counter("notify_acknowledgements", "Acknowledgements by outcome.", ["outcome"], registry=REGISTRY)
ACTS: Final = Counter(
    "notify_case_acts", "What staff did with cases, by act and outcome.", ["act", "outcome"], registry=REGISTRY
)
TRANSFERS: Final = Counter("notify_transfers", "Transfers by what became of them.", ["outcome"], registry=REGISTRY)
VOID: Final = Counter(
    "notify_void_acts", "Acts that did not count because something else came first.", ["act"], registry=REGISTRY
)
OFFERS_OPEN: Final = Gauge("notify_open_offers", "Offers that wait for an answer or for the move.", registry=REGISTRY)
UNCONFIRMED: Final = Gauge(
    "notify_unconfirmed_acts", "Cases that routing has not moved, closed or reopened within 30 s.", registry=REGISTRY
)
OFFER_MAILS: Final = Counter("notify_offer_mails", "Mails about offers by outcome.", ["outcome"], registry=REGISTRY)
SPARED: Final = Counter(
    "notify_spared_mails", "Mails not sent because the case changed right before.", registry=REGISTRY
)
TICKETS: Final = Counter("notify_details_tickets", "Tickets to details by outcome.", ["outcome"], registry=REGISTRY)
SIGNED_OUT: Final = Counter(
    "notify_streams_signed_out", "Streams ended because the person is signed in no more.", registry=REGISTRY
)
DEAD_UNREAD: Final = Gauge("notify_dead_records_unread", "Dead records central has not read of.", registry=REGISTRY)
TO_ALERT: Final = Histogram(
    "notify_accepted_to_alert_seconds",
    "From accepted to the first alert taken.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
TO_SHOWN: Final = Histogram(
    "notify_accepted_to_shown_seconds",
    "From accepted to the row handed to consoles.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
SHOWN_EARLY: Final = Histogram(
    "notify_decided_to_announced_seconds",
    "From routing's decision to the row of a new case handed to open consoles, before the store has it.",
    buckets=LATENCY_BUCKETS,
    registry=REGISTRY,
)
NOT_STORED: Final = Gauge(
    "notify_cases_not_stored", "New cases shown to consoles that the store has not confirmed yet.", registry=REGISTRY
)
DRILLS: Final = Counter("notify_drills", "Drills by what came of them.", ["verdict"], registry=REGISTRY)
DRILL_SECONDS: Final = Histogram(
    "notify_drill_seconds",
    "From the beginning of a drill to each stage it reached.",
    ["stage"],
    buckets=(*LATENCY_BUCKETS, 60, 300, 900),
    registry=REGISTRY,
)
