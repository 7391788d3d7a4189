"""A case as a fold of routing's records and of what notify did about it. Pure; ``now`` is an argument.

``folding`` takes routing's records in, ``sending`` what came of alerts, ``timeline`` holds what both share.
"""

from services.notify.cases.projection.folding import RoutingEvent, fold
from services.notify.cases.projection.sending import record, told
from services.notify.cases.projection.timeline import (
    ENTRIES_FIRST,
    ENTRIES_LAST,
    added,
    in_order,
    noted,
    offer_died,
    offer_over,
    sort_key,
)

__all__ = [
    "ENTRIES_FIRST",
    "ENTRIES_LAST",
    "RoutingEvent",
    "added",
    "fold",
    "in_order",
    "noted",
    "offer_died",
    "offer_over",
    "record",
    "sort_key",
    "told",
]
