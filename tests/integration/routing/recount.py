"""Counting again from the log what routing publishes as sums, and looking at what closed centres still have."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from tests.integration.routing.fold import Owned, Told
from tests.integration.routing.records import Line

Taken = Mapping[str, set[tuple[int, datetime]]]
"""Of each report: under which ownership and when somebody acknowledged it."""


class Sums(NamedTuple):
    """One centre's part in one partition; as ``loads`` has it."""

    open_cases: int = 0
    weighted: int = 0
    guests: int = 0
    severe: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None


def taken(lines: Iterable[Line]) -> Taken:
    """Every acknowledgement in `cases`."""
    found: dict[str, set[tuple[int, datetime]]] = defaultdict(set)
    for line in lines:
        if line.topic == "cases" and line.type == "case.acknowledged.v1":
            found[line.body["report_id"]].add((line.body["ownership"], datetime.fromisoformat(line.body["at"])))
    return found


def waits(report: str, owned: Owned, acknowledged: Taken) -> bool:
    """Open, and nobody at its owner has taken it since it came there or came back."""
    return owned.ended is None and not any(
        ownership == owned.ownership and (owned.back_at is None or at >= owned.back_at)
        for ownership, at in acknowledged.get(report, ())
    )


def sums_of(stands: Mapping[str, Owned], acknowledged: Taken) -> dict[str, Sums]:
    """What each centre has, drills not counted; centres without open cases are left out."""
    sums: dict[str, Sums] = {}
    for report, owned in stands.items():
        if owned.ended is not None or owned.synthetic:
            continue
        known, waiting = sums.get(owned.owner, Sums()), waits(report, owned, acknowledged)
        since = [known.waiting_since] if known.waiting_since else []
        since += [owned.back_at or owned.received_at] if waiting else []
        sums[owned.owner] = Sums(
            known.open_cases + 1,
            known.weighted + owned.weight,
            known.guests + (owned.weight if owned.owner != owned.home else 0),
            known.severe + owned.severe,
            known.waiting + waiting,
            min(since, default=None),
        )
    return sums


def wrong_loads(lines: Sequence[Line], told: Told) -> list[str]:
    """Partitions whose newest published sums do not reach the end of the log, or say something else than a recount."""
    newest: dict[int, Line] = {}
    for line in lines:
        if line.topic == "loads":
            known = newest.get(line.body["partition"])
            if known is None or line.body["upto"] >= known.body["upto"]:
                newest[line.body["partition"]] = line
    acknowledged = taken(lines)
    ends: dict[int, int] = {}
    for line in lines:
        if line.topic == "routings":
            ends[line.partition] = max(ends.get(line.partition, 0), line.offset + 1)
    wrong = []
    for partition, end in sorted(ends.items()):
        stands = {report: owned for _, report, owned in told.history[partition]}
        if partition not in newest or newest[partition].body["upto"] != end:
            wrong.append(f"{partition}: not told up to {end}")
            continue
        said = {c: _said(x) for c, x in newest[partition].body["loads"].items()}
        counted = sums_of(stands, acknowledged)
        differ = sorted(c for c in said.keys() | counted.keys() if said.get(c) != counted.get(c))
        wrong += [f"{partition}: {c} has {_shown(counted.get(c))}, told was {_shown(said.get(c))}" for c in differ[:2]]
    return wrong


def _shown(sums: Sums | None) -> str:
    return "/".join(str(number) for number in (sums or Sums())[:5])


def _said(load: Mapping[str, Any]) -> Sums:
    numbers = (load["open_cases"], load["weighted"], load["guests"], load["severe"], load["waiting"])
    since = load.get("waiting_since")
    return Sums(*numbers, datetime.fromisoformat(since) if since else None)


def left_at_closed(lines: Sequence[Line], told: Told) -> list[str]:
    """Reports that wait at a centre that is closed: closing moves them, all of them."""
    newest: dict[str, Mapping[str, Any]] = {}
    for line in lines:
        if line.topic == "centers":
            known = newest.get(line.body["center_id"])
            if known is None or line.body["center_version"] > known["center_version"]:
                newest[line.body["center_id"]] = line.body
    closed = {center for center, body in newest.items() if body["state"] == "closed"}
    acknowledged = taken(lines)
    return [report for report, x in told.stands.items() if x.owner in closed and waits(report, x, acknowledged)]
