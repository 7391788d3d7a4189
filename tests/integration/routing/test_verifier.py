"""The audit itself: a sound log, and one thing wrong with it at a time. No broker."""

import ast
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from tests.integration.routing import fold, reader, records, recount, verifier, weights
from tests.integration.routing.records import Line
from tests.integration.routing.verifier import Audit, audit

AT = "2026-11-25T00:00:0{}.000Z"
FACTS = {
    "urgency": "high",
    "urgency_reasons": ["none_of_these"],
    "harm_types": ["distribution"],
    "declined_centers": ["jeju"],
    "synthetic": False,
}
COMPARED = {"busier": {"open": dict.fromkeys(("busan", "ulsan", "jeju"))}}


def routing(offset: int, kind: str, version: int, ownership: int, cause: dict[str, Any], /, **more: Any) -> Line:
    body = {"report_id": "r", "version": version, "ownership": ownership, "intake_version": 1, "cause": cause, **more}
    return Line("routings", 0, offset, kind, f"routing{version}", {**body, "decided_at": AT.format(offset)})


def decision(center: str, **more: Any) -> dict[str, Any]:
    return {"decision": {"center_id": center, "home_center_id": "busan", "compared": COMPARED}, "facts": FACTS, **more}


def sound() -> list[Line]:
    """Received, taken by its home, handed over on agreement, taken there."""
    received = {"report_id": "r", "intake_version": 1, "received_at": AT.format(0), "facts": FACTS}
    case = {"report_id": "r", "ownership": 1, "center_id": "busan", "at": AT.format(1)}
    first, moved = {"kind": "report", "event_id": "in"}, {"kind": "case_event", "event_id": "agreed"}
    load = {"open_cases": 1, "weighted": 20, "guests": 20, "severe": 0, "waiting": 1, "waiting_since": AT.format(0)}
    return [
        Line("reports", 0, 0, "report.received.v1", "in", received),
        routing(0, "report.routed.v1", 1, 1, first, **decision("busan"), received_at=AT.format(0)),
        Line("cases", 0, 0, "case.acknowledged.v1", "taken", {**case, "case_version": 1}),
        Line(
            "cases", 0, 1, "case.transfer_accepted.v1", "agreed", {**case, "case_version": 2, "to_center_id": "ulsan"}
        ),
        routing(1, "report.rerouted.v1", 2, 2, moved, **decision("ulsan"), previous_center_id="busan"),
        Line("loads", 0, 0, "load.summarized.v1", "sum", {"partition": 0, "upto": 2, "loads": {"ulsan": load}}),
    ]


def changed(number: int, **body: Any) -> Callable[[list[Line]], list[Line]]:
    def change(lines: list[Line]) -> list[Line]:
        lines[number] = lines[number]._replace(body={**lines[number].body, **body})
        return lines

    return change


def without(number: int) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: lines[:number] + lines[number + 1 :]


def with_more(*more: Line) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [*lines, *more]


def told(**load: Any) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: changed(5, loads={"ulsan": {**lines[5].body["loads"]["ulsan"], **load}})(lines)


CLOSED = {"center_id": "ulsan", "center_version": 1, "state": "closed"}
AMENDED = {"report_id": "r", "intake_version": 2}
ONCE_MORE, AGREED = {"kind": "report", "event_id": "in"}, {"kind": "case_event", "event_id": "agreed"}
GONE = {"center_id": "ulsan", "reason": "withdrawn"}
BACK = {**decision("busan"), "previous_center_id": "ulsan"}
WRONG: dict[str, tuple[str, Callable[[list[Line]], list[Line]]]] = {
    "nobody owns it": ("missing", lambda lines: [lines[0]]),
    "nobody sent it": ("alien", without(0)),
    "first record gone": ("holes", without(1)),
    "moved from elsewhere": ("wrong_previous", changed(4, previous_center_id="jeju")),
    "ownership skipped": ("wrong_previous", changed(4, ownership=3)),
    "the agreement forgotten": ("transfers_lost", without(4)),
    "given to a declined one": ("declined_owner", changed(1, **decision("jeju"))),
    "given to a closed one": (
        "closed_owner",
        changed(4, decision={"center_id": "ulsan", "compared": {"closed": {"closed": {"ulsan": None}}}}),
    ),
    "to central while somebody is open": ("closed_owner", changed(4, **decision("central"))),
    "amendment forgotten": ("not_passed_on", with_more(Line("reports", 0, 1, "report.amended.v1", "more", AMENDED))),
    "left at a closed centre": ("left_at_closed", with_more(Line("centers", 0, 0, "center.changed.v1", "c", CLOSED))),
    "owned in two partitions": (
        "in_two_partitions",
        with_more(routing(0, "report.routed.v1", 1, 1, ONCE_MORE, **decision("busan"))._replace(partition=1)),
    ),
    "moved after the end": (
        "after_the_end",
        with_more(
            routing(2, "report.ended.v1", 3, 2, {"kind": "report", "event_id": "gone"}, **GONE),
            routing(3, "report.rerouted.v1", 4, 3, {"kind": "center_closed"}, **BACK),
        ),
    ),
    "passed on twice": (
        "passed_on_twice",
        with_more(routing(2, "report.updated.v1", 3, 2, ONCE_MORE, center_id="ulsan", kind="amended")),
    ),
    "carried out twice": ("transfers_twice", with_more(routing(2, "report.rerouted.v1", 3, 3, AGREED, **BACK))),
    "carried out and told void": (
        "transfers_twice",
        with_more(routing(2, "report.updated.v1", 3, 2, AGREED, center_id="ulsan", kind="transfer_void")),
    ),
    "refused": ("dead", with_more(Line("reports.dead", 0, 0, "report.received.v1", "in", {}, "invalid"))),
    "one case too many": ("loads_wrong", told(open_cases=2)),
    "guest not counted": ("loads_wrong", told(guests=0)),
    "severe though it is not": ("loads_wrong", told(severe=1)),
    "nobody said to wait": ("loads_wrong", told(waiting=0)),
    "waits for longer": ("loads_wrong", told(waiting_since=AT.format(1))),
    "sums that stop short": ("loads_wrong", changed(5, upto=1)),
}


def test_a_sound_log_is_sound() -> None:
    found = audit(sound())
    assert found.sound, found.faults
    assert (found.reports, found.transfers_done, found.owners) == (1, 1, {"ulsan": 1})


def test_a_late_record_is_ignored_and_counted() -> None:
    late = routing(2, "report.routed.v1", 1, 1, {"kind": "report", "event_id": "in"}, **decision("ulsan"))
    found = audit(changed(5, upto=3)([*sound(), late]))
    assert found.sound, found.faults
    assert (found.ignored, found.ignored_other_owner) == (1, 1)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(name: str) -> None:
    word, spoil = WRONG[name]
    assert word in {fault.split(":")[0] for fault in audit(spoil(sound())).faults}


def test_every_promise_is_broken_once() -> None:
    promises = {name for name, culprits in asdict(Audit()).items() if isinstance(culprits, list)}
    assert {word for word, _ in WRONG.values()} == promises


@pytest.mark.parametrize("module", [fold, reader, records, recount, verifier, weights])
def test_it_knows_neither_the_bus_nor_any_service(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imports = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    imports += [name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names]
    assert not [name for name in imports if name.split(".")[0] in {"services", "shared", "deploy", "tools"}]
