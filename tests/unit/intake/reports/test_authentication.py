"""The codes of a stored report: the same after the store, another for any change, and bound to report and part."""

from datetime import datetime, timedelta, timezone
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions

from services.intake.reports.authentication import (
    BESIDE,
    FAILURES,
    FIELD,
    STEERING,
    ReportAuthentication,
    ReportNotAuthenticError,
)
from services.intake.reports.lifecycle import Category, ErasureCause, ErasurePlan, Lifecycle, Special, Withdrawal
from services.intake.reports.models import Ownership, Progress, Work
from services.intake.reports.repository import TOMBSTONE
from tests.unit.intake.retention.test_erasure import NOW

SEOUL = timezone(timedelta(hours=9))
LIFE = Lifecycle(
    special=(Special.UNDER_14,),
    withdrawal=Withdrawal(at=NOW, undo_until=(NOW + timedelta(hours=72)).astimezone(SEOUL)),
    plan=ErasurePlan(cause=ErasureCause.WITHDRAWN, at=NOW, announced_at=NOW, category=Category.TEN_YEARS),
)
PROGRESS = Progress(
    ownership=Ownership(version=2, ownership=1, center_id="busan", assigned_at=NOW),
    work=Work(version=1, ownership=1, acknowledged_at=NOW.astimezone(SEOUL)),
    former=(Ownership(version=1, ownership=1, center_id="ulsan", assigned_at=NOW),),
)


def document(report_id: str = "one", **more: Any) -> dict[str, Any]:
    return {
        "_id": report_id,
        "changes": 3,
        "received_at": NOW,
        "receipt_hash": "a" * 64,
        "life": LIFE.model_dump(),
        "erase_at": NOW.astimezone(SEOUL),
        "facts": {"role": "victim", "harm_types": ["other"]},
        "messages": [{"number": 1, "at": NOW, "version": 2}],
        "progress": PROGRESS.model_dump(),
        **more,
    }


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def codes(told: list[tuple[str, str]]) -> ReportAuthentication:
    return ReportAuthentication(b"k" * 32, lambda report_id, part: told.append((report_id, part)))


def through_the_store(one: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = bson.decode(bson.encode(one), CodecOptions(tz_aware=True))
    return found


def test_what_intake_wrote_is_authentic_after_the_store(codes: ReportAuthentication) -> None:
    stored = through_the_store(codes.signed(document(word=None)))
    assert codes.check(stored) is stored
    assert codes.is_authentic(stored)


@pytest.mark.parametrize("field", STEERING)
def test_no_steering_field_can_be_changed_added_or_taken_away(codes: ReportAuthentication, field: str) -> None:
    stored = through_the_store(codes.signed({**document(), field: {"n": 7}}))
    codes.check(stored)
    gone = {name: value for name, value in stored.items() if name != field}
    for changed in ({**stored, field: {"n": 8}}, {**stored, field: "7"}, {**stored, field: bson.ObjectId()}, gone):
        assert not codes.is_authentic(changed)
        with pytest.raises(ReportNotAuthenticError):
            codes.check(changed)


@pytest.mark.parametrize(
    "change",
    [
        {"ownership": {**PROGRESS.model_dump()["ownership"], "center_id": "seoul"}},
        {"work": None},
        {"hole": 4},
        {"former": []},
    ],
)
def test_no_part_of_the_progress_can_be_changed(codes: ReportAuthentication, change: dict[str, Any]) -> None:
    stored = through_the_store(codes.signed(document()))
    with pytest.raises(ReportNotAuthenticError) as refused:
        codes.check({**stored, "progress": {**stored["progress"], **change}})
    assert refused.value.part == "progress"


def test_a_code_counts_for_its_own_report_part_and_key_only(codes: ReportAuthentication) -> None:
    one, other = (through_the_store(codes.signed(document(name))) for name in ("one", "other"))
    mine, theirs = one[FIELD], other[FIELD]
    foreign = ReportAuthentication(b"x" * 32, lambda _report_id, _part: None).signed(document("one"))[FIELD]
    for wrong in (
        theirs,
        {**mine, "report": theirs["report"]},
        {**mine, "progress": theirs["progress"]},
        {"report": mine["progress"], "progress": mine["report"]},
        {"report": mine["report"]},
        {"report": mine["report"][:-1], "progress": mine["progress"]},
        {"report": "", "progress": None},
        foreign,
        {},
        None,
    ):
        assert not codes.is_authentic({**one, FIELD: wrong})
        with pytest.raises(ReportNotAuthenticError):
            codes.check({**one, FIELD: wrong})
    with pytest.raises(ReportNotAuthenticError):
        codes.check({**one, "_id": "other"})


def test_an_erased_report_needs_no_progress_and_a_living_one_does(
    codes: ReportAuthentication,
) -> None:
    stone = {"_id": "one", "changes": 9, "life": {"erased_at": NOW}, "receipt_hash": "a" * 64}
    stone[FIELD] = {"report": codes.code_of_report(stone)}
    codes.check(through_the_store(stone))
    living = through_the_store(codes.signed(document()))
    del living["progress"]
    with pytest.raises(ReportNotAuthenticError):
        codes.check(living)
    with pytest.raises(ReportNotAuthenticError):
        codes.check({**living, "life": {**living["life"], "erased_at": NOW}})


def test_each_failure_is_counted_and_the_first_is_told(
    codes: ReportAuthentication, told: list[tuple[str, str]]
) -> None:
    stored = through_the_store(codes.signed(document()))
    before = FAILURES.labels("report")._value.get()
    for _ in range(3):
        with pytest.raises(ReportNotAuthenticError):
            codes.check({**stored, "changes": 0})
    assert FAILURES.labels("report")._value.get() == before + 3
    assert told == [("one", "report")]
    codes.check(stored)  # restored
    with pytest.raises(ReportNotAuthenticError):
        codes.check({**stored, "changes": 0})
    assert told == [("one", "report")] * 2


def test_what_stays_of_an_erased_report_is_named() -> None:
    assert {*TOMBSTONE, "changes", "life"} <= {*STEERING, *BESIDE}
    assert not set(STEERING) & set(BESIDE)


def test_a_moment_counts_to_the_millisecond_as_the_store_keeps_it(codes: ReportAuthentication) -> None:
    exact = datetime.fromisoformat("2026-11-27T01:02:03.456789+09:00")
    before_1970 = datetime.fromisoformat("1969-12-31T23:59:59.999999+00:00")
    for moment in (exact, before_1970):
        codes.check(through_the_store(codes.signed(document(received_at=moment))))


def test_every_field_that_steers_is_named() -> None:
    """Said a second time, so that none goes unnoticed."""
    steering = {
        "receipt_hash",
        "former_receipt_hash",
        "hand_over",
        "hand_over_code",
        "word",
        "word_later",
        "word_for_status",
        "life",
        "erase_at",
        "decide_since",
        "kept_since",
        "facts",
        "consents",
        "changes",
        "intake_version",
    }
    assert steering <= set(STEERING)
