"""Reports of a closed month and of the running one, for the dashboard's tests."""

import functools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from shared.clock import SEOUL
from shared.events.base import Event
from shared.events.cases import CaseAcknowledged
from shared.events.vocabulary import HarmType
from tests.unit.analytics import events as make

SECRET = 3
"""Sejong's true count in the closed month."""
NEIGHBOUR = 37
"""Daejeon's: hidden too, or Sejong's would follow from the sum of both."""
OTHERS = ("gangwon", "chungnam", "chungbuk", "gwangju", "jeonnam", "jeonbuk", "jeju", "gyeongnam", "gyeongbuk", "ulsan")
CLOSED = {
    "gyeonggi": 88,
    "busan": 61,
    "incheon": 52,
    "daegu": 45,
    "daejeon": NEIGHBOUR,
    "sejong": SECRET,
    **dict.fromkeys(OTHERS, 20),
}
RUNNING = {"gyeonggi": 41, "busan": 30, "daegu": 12, "sejong": 2}
KINDS = (HarmType.FEAR_OF_DISTRIBUTION, HarmType.ILLEGAL_FILMING, HarmType.SYNTHESIS, HarmType.DISTRIBUTION_THREAT)


@functools.cache
def _now() -> datetime:
    """Of all that is made up in this process: the month may turn meanwhile."""
    return datetime.now(SEOUL)


def closed_back() -> int:
    """How many months ago the newest quarter ended whose last month is surely released: 2, 3 or 4."""
    return 2 + (_now().month - 2) % 3


def middle_of(month_before: int) -> datetime:
    """The 10th of a month before this one; of this one, five minutes ago."""
    moment = _now()
    for _ in range(month_before):
        moment = moment.replace(day=1) - timedelta(days=1)
    return (moment.replace(day=10) if month_before else moment - timedelta(minutes=5)).astimezone(UTC)


def story(number: int, center: str, at: datetime) -> Iterator[Event]:
    rid = make.report_id(number)
    rare = number % 29 == 0
    harms = {KINDS[number % 4], KINDS[number % 3], *((HarmType.ONLINE_GROOMING,) if rare else ())}
    body = make.facts(sorted(harms))
    yield make.received(rid, body, at)
    yield make.routed(rid, center, body, at)
    yield make.alert_sent(rid)
    if number % 4:
        answered = at + timedelta(seconds=40 * (1 + number % 7) ** 3)
        yield CaseAcknowledged(report_id=rid, case_version=1, ownership=1, center_id=center, at=answered)


def stories() -> list[Event]:
    """Three people at every centre all the time, and what is reported."""
    found: list[Event] = [
        make.center_changed(center, 1, 3, middle_of(closed_back()) - timedelta(days=12)) for center in CLOSED
    ]
    number = 0
    for months, counts in ((closed_back(), CLOSED), (0, RUNNING)):
        for center, count in counts.items():
            for _ in range(count):
                number += 1
                found += story(number, center, middle_of(months))
    return found
