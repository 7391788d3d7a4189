"""Histories of reports over a year: everything that can happen to one, in some order, of some report."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeVar

from shared.events.base import ReportEvent
from shared.events.cases import CaseContacted, CaseEvent
from shared.events.vocabulary import EndReason, HarmType, Outcome, RoutingReason, SupportKind, UpdateKind
from tests.unit.analytics import events as make

DAYS = 365
CONTACTED_S = (600, 3_600, 4_000, 86_400, 100_000, 259_200, 400_000, 604_800, 900_000)
CLOSED_S = (7_200, 86_400, 90_000, 259_200, 500_000, 604_800, 1_000_000, 1_209_600, 2_000_000)
"""Within every group of the tables, and at every bound."""
_MOVES = (RoutingReason.TRANSFER_ACCEPTED, RoutingReason.RETURNED_HOME, RoutingReason.HOME_CLOSED)


@lru_cache(maxsize=256)  # the few that are read again and again, in another order
def history(number: int, seed: int) -> Mapping[str, Sequence[ReportEvent]]:
    """All four topics of one report; ``seed`` picks how much happens to it. Its day is anywhere in a year."""
    rid = make.report_id(number)
    at = make.START + timedelta(hours=7 * (seed % 5), days=-((number * 37) % DAYS))
    harms = (HarmType.SYNTHESIS, HarmType.OTHER)[: 1 + seed % 2]
    body = make.varied(seed + number, harms, synthetic=seed % 11 == 10)
    first = make.routed(rid, ("busan", "daegu")[seed % 2], body, at)
    if seed % 6 == 1:  # home was full, or there is none
        reason = RoutingReason.NO_HOME_SEOUL if seed % 4 == 1 else RoutingReason.HOME_FULL_NEIGHBOUR
        chosen = make.decision("daegu", "busan", reason, homeless=seed % 4 == 1)
        first = first.model_copy(update={"decision": chosen})
    elif seed % 6 == 3:  # known somewhere, or no centre had room
        reason = RoutingReason.LINKED if seed % 4 == 1 else RoutingReason.ALL_FULL
        first = first.model_copy(update={"decision": make.decision(first.decision.center_id, reason=reason)})
    topics: dict[str, list[ReportEvent]] = {
        "reports": [make.received(rid, body, at)],
        "routings": [first],
        "cases": [_later(make.acknowledged(rid, 1, 1, 30 + 100 * seed), at)],
        "alerts": [make.alert_failed(rid, 1), make.alert_sent(rid, 2), make.escalated(rid, 3)],
    }
    if seed % 3 == 0:
        amendment = make.varied(seed + number + 1, (HarmType.DISTRIBUTION,), synthetic=body.synthetic)
        topics["reports"].append(make.amended(rid, amendment))
        topics["routings"].append(make.updated(rid, 2))
    if seed % 4 == 0:
        version = len(topics["routings"]) + 1
        moved = make.rerouted(rid, "ulsan", version=version, at=at, body=body, reason=_MOVES[seed // 4 % 3])
        topics["routings"].append(moved.model_copy(update={"decided_at": at + timedelta(seconds=450)}))
        topics["cases"] += [_contacted(rid, number, at), _later(make.acknowledged(rid, 3, 2, 500), at)]
        topics["alerts"].append(make.alert_sent(rid, 4, 2))
    elif seed % 4 == 2:
        topics["cases"].append(_contacted(rid, number, at))
    ownership = 1 + (seed % 4 == 0)
    _work(topics, rid, number, at, seed, ownership)
    if seed % 7 == 0:
        topics["reports"].append(make.withdrawn(rid, len(topics["reports"]) + 1))
        topics["routings"].append(make.ended(rid, len(topics["routings"]) + 1, ownership, EndReason.WITHDRAWN))
    if seed % 14 == 0:
        topics["reports"].append(make.reinstated(rid, len(topics["reports"]) + 1))
        topics["routings"].append(make.updated(rid, len(topics["routings"]) + 1, ownership, UpdateKind.REINSTATED))
    return {name: tuple(events) for name, events in topics.items()}


def _work(topics: dict[str, list[ReportEvent]], rid: str, number: int, at: datetime, seed: int, ownership: int) -> None:
    """Support, closing and reopening by the owner; now and then what a former owner says too late."""
    cases, routings = topics["cases"], topics["routings"]
    kinds = list(SupportKind)
    for kind in kinds[seed % 8 : seed % 8 + seed % 3]:
        cases.append(make.supported(rid, kind, len(cases) + 1, ownership))
    if seed % 5 in {0, 3}:
        outcome = list(Outcome)[number % 5]
        if seed % 15 != 5:  # else nobody says how the owner closed it
            cases.append(
                _later(make.closed(rid, len(cases) + 1, ownership, outcome, CLOSED_S[number % len(CLOSED_S)]), at)
            )
        routings.append(make.ended(rid, len(routings) + 1, ownership))
    if seed % 5 == 3:
        cases.append(make.reopened(rid, len(cases) + 1, ownership))
        routings.append(make.updated(rid, len(routings) + 1, ownership, UpdateKind.REOPENED))
    if seed % 9 == 4:  # void: nobody owned it under that number when it was read
        cases.append(make.closed(rid, len(cases) + 1, ownership - 1 or 1, Outcome.NO_CONTACT))


def _contacted(rid: str, number: int, at: datetime) -> CaseContacted:
    return _later(make.contacted(rid, 2, 1, CONTACTED_S[number % len(CONTACTED_S)]), at)


CaseKind = TypeVar("CaseKind", bound=CaseEvent)


def _later(event: CaseKind, at: datetime) -> CaseKind:
    """The same, as long after the report's own acceptance."""
    return event.model_copy(update={"at": event.at + (at - make.START)})
