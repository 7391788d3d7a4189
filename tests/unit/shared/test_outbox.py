"""Events inside documents: there and back."""

from shared.outbox import pending, pending_records, push
from tests.integration.kafka.tools import NOW, message_left, report_id

RECORDS = [message_left(report_id(1), 1), message_left(report_id(1), 2)]


def test_what_is_embedded_comes_back_the_same_and_in_order() -> None:
    document = pending(RECORDS, NOW)
    assert document["outbox_since"] == NOW
    assert pending_records(document) == RECORDS
    assert [entry["id"] for entry in document["outbox"]] == [dict(r.headers)["ce_id"].decode() for r in RECORDS]


def test_appending_keeps_the_oldest_time() -> None:
    assert push(RECORDS, NOW) == {
        "$push": {"outbox": {"$each": pending(RECORDS, NOW)["outbox"]}},
        "$min": {"outbox_since": NOW},
    }


def test_no_events_leave_no_trace() -> None:
    assert pending([], NOW) == {}
    assert push([], NOW) == {}
    assert pending_records({"_id": "x"}) == []
