"""What a batch writes, whichever partitions its records are of."""

from collections import Counter
from typing import Any

from services.analytics.counting.aggregate import daily, monthly
from services.analytics.counting.project import fold
from services.analytics.counting.repository import Generation, OpenBatch
from shared.events.base import ReportEvent
from tests.unit.analytics import events as make

Absent: Any = None  # neither is asked: nothing is sent
PARTITIONS = (3, 5, 8)


def test_cells_of_all_partitions_of_a_batch_are_one_document_a_day_a_month_and_in_all() -> None:
    ids = [make.report_id(number) for number in range(len(PARTITIONS))]
    events: list[tuple[int, ReportEvent]] = []
    for partition, report in zip(PARTITIONS, ids, strict=True):
        events += [(partition, make.received(report)), (partition, make.routed(report))]
    changes = fold({}, events, ())
    offsets = {("reports", partition): 1 for partition in PARTITIONS} | {("centers", 0): 1}
    written: dict[str, list[Any]] = dict(OpenBatch(Generation(Absent), Absent).operations(changes, (), offsets))
    for part, counted in (("days", daily), ("months", monthly)):
        [one] = written[part]
        expected: Counter[str] = Counter()
        for fact in changes.facts.values():
            for (_, cell), n in counted(fact).items():
                expected[f"n.{cell}"] += n
        assert one._doc["$inc"] == {cell: n for cell, n in expected.items() if n}
        assert one._filter["_id"].startswith("3|")
    [totals] = written["totals"]
    assert totals._doc["$inc"]["n.counted"] == len(PARTITIONS)
    assert len(written["offsets"]) == len(PARTITIONS) + 1
