"""Ids of alerts, and when a failed one is tried again: made from what they are about, so that all agree. Pure."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

RETRY_FIRST_S: Final = 5.0
RETRY_MAX_S: Final = 300.0
JITTER: Final = 0.2


def retry_at(report_id: str, tries: int, now: datetime) -> datetime:
    """When to try again after ``tries`` failures in a row: doubling, bounded, with a jitter made from the id."""
    base = min(RETRY_FIRST_S * 2.0 ** min(tries - 1, 10), RETRY_MAX_S)
    digest = hashlib.sha256(f"{report_id}|{tries}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return now + timedelta(seconds=base * (1 + JITTER * (2 * share - 1)))


def bundle_id(alert_ids: Iterable[str]) -> str:
    """The id of a message that stands for several alerts: the same alerts make the same id."""
    return uuid_like("bundle|" + "|".join(sorted(alert_ids)))


def uuid_like(name: str) -> str:
    """An id in the shape of a UUID, made from a name."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))
