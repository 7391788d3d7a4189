"""The verdict about one report's log: a sound one, and one thing wrong with it at a time. No broker."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.ownership.verdict import faults
from tests.integration.routing.records import Line

AT = "2026-11-25T00:00:0{}.000Z"
COMPARED = {"busier": {"open": dict.fromkeys(("busan", "ulsan", "jeju"))}}
FROM_INTAKE, AGREED = {"kind": "report"}, {"kind": "case_event", "event_id": "agreed"}
Log = dict[str, list[Line]]


def told(topic: str, offset: int, kind: str, ident: str, /, **body: Any) -> Line:
    return Line(topic, 0, offset, kind, ident, {"report_id": "r", **body})


def routing(version: int, kind: str, ownership: int, cause: dict[str, Any], /, **more: Any) -> Line:
    body = {"version": version, "ownership": ownership, "cause": cause, "decided_at": AT.format(version), **more}
    return told("routings", version - 1, kind, f"routing{version}", **body)


def decision(center: str) -> dict[str, Any]:
    return {"decision": {"center_id": center, "compared": COMPARED}, "facts": {"declined_centers": []}}


def case(offset: int, what: str, ident: str, ownership: int, **more: Any) -> Line:
    return told("cases", offset, f"case.{what}.v1", ident, ownership=ownership, at=AT.format(offset), **more)


def sound() -> Log:
    """Received and taken by its home, added to, handed over on agreement."""
    return {
        "reports": [
            told("reports", 0, "report.received.v1", "in", intake_version=1),
            told("reports", 1, "report.amended.v1", "more", intake_version=2),
        ],
        "routings": [
            routing(1, "report.routed.v1", 1, FROM_INTAKE, **decision("busan")),
            routing(2, "report.updated.v1", 1, FROM_INTAKE, center_id="busan", kind="amended"),
            routing(3, "report.rerouted.v1", 2, AGREED, previous_center_id="busan", **decision("ulsan")),
        ],
        "cases": [
            case(0, "acknowledged", "taken", 1),
            case(1, "transfer_accepted", "agreed", 1, to_center_id="ulsan"),
        ],
    }


def changed(topic: str, number: int, **body: Any) -> Callable[[Log], None]:
    def change(log: Log) -> None:
        line = log[topic][number]
        log[topic][number] = line._replace(body={**line.body, **body})

    return change


def without(topic: str, number: int) -> Callable[[Log], None]:
    return lambda log: log[topic].__delitem__(number)


def with_more(topic: str, *more: Line) -> Callable[[Log], None]:
    return lambda log: log[topic].extend(more)


def closed(*then: Line) -> Callable[[Log], None]:
    """Its new owner closes it; ``then`` is what routing says afterwards."""

    def change(log: Log) -> None:
        cause = {"kind": "case_event", "event_id": "done"}
        log["cases"].append(case(2, "closed", "done", 2))
        log["routings"] += [routing(4, "report.ended.v1", 2, cause, center_id="ulsan", reason="closed"), *then]

    return change


def of_another_type(log: Log) -> None:
    log["cases"][1] = log["cases"][1]._replace(type="case.closed.v1")


CLOSING = {"kind": "center_closed"}
WRONG: dict[str, tuple[Callable[[Log], None], str]] = {
    "a hole in the versions": (without("routings", 1), "version 3 is record 2"),
    "begins with an addition": (without("routings", 0), "begins with report.updated.v1 of ownership 1"),
    "an ownership that jumps": (changed("routings", 2, ownership=3), "ownership 3 follows 1"),
    "moved from elsewhere": (
        changed("routings", 2, previous_center_id="jeju"),
        "version 3 was not moved from its owner",
    ),
    "a second owner": (changed("routings", 1, center_id="jeju"), "version 2 has another owner and is no move"),
    "void after the end": (
        closed(routing(5, "report.updated.v1", 2, CLOSING, center_id="ulsan", kind="transfer_void")),
        "transfer_void after closed",
    ),
    "moved after the end": (
        closed(routing(5, "report.rerouted.v1", 3, CLOSING, previous_center_id="ulsan", **decision("jeju"))),
        "report.rerouted.v1 after closed",
    ),
    "for no event": (without("cases", 1), "report.rerouted.v1 names an event nobody published"),
    "for another event": (of_another_type, "case.closed.v1 led to report.rerouted.v1"),
    "for an ownership that is over": (
        changed("cases", 1, ownership=7),
        "case.transfer_accepted.v1 of ownership 7 acted on under 1",
    ),
    "to another centre": (changed("cases", 1, to_center_id="jeju"), "moved to another centre than accepted"),
    "moved twice": (
        with_more(
            "routings", routing(4, "report.rerouted.v1", 3, AGREED, previous_center_id="ulsan", **decision("busan"))
        ),
        "event agreed acted on 2 times",
    ),
    "an addition lost": (
        with_more("reports", told("reports", 2, "report.message_left.v1", "left", intake_version=3)),
        "intake told ['report.routed.v1', 'amended', 'message_left']",
    ),
    "an addition told twice": (
        with_more("routings", routing(4, "report.updated.v1", 2, FROM_INTAKE, center_id="ulsan", kind="amended")),
        "passed on was ['report.routed.v1', 'amended', 'amended']",
    ),
    "an agreement lost": (
        with_more("cases", case(2, "transfer_accepted", "later", 2, to_center_id="jeju")),
        "case.transfer_accepted.v1 was told and forgotten",
    ),
}


def judged(log: Log) -> list[str]:
    return faults(log["reports"], log["routings"], log["cases"])


def test_a_sound_log_is_sound_and_so_is_one_with_late_records() -> None:
    log = sound()
    assert judged(log) == []
    late = routing(1, "report.routed.v1", 1, FROM_INTAKE, **decision("jeju"))
    log["routings"].append(late._replace(offset=3))
    assert judged(log) == []
    closed()(log)
    assert judged(log) == []


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    spoil, fault = WRONG[name]
    log = sound()
    spoil(log)
    assert any(fault in found for found in judged(log)), judged(log)
