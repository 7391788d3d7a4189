"""Whatever is done to the lines without the key, the walk finds it."""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bson.datetime_ms import DatetimeMS
from hypothesis import given
from hypothesis import strategies as st

from shared.audit import chain, published
from shared.audit.anchors import anchor_of
from shared.audit.chain import START, AuditKeys, ChainVerifier, service_secret
from shared.audit.documents import document_of, line_of
from shared.audit.model import SERVICES, Anchor, AuditEntry, AuditOutcome, ChainEntry

KEYS = AuditKeys(b"k" * 32)
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LENGTH = 12


def entry(number: int) -> AuditEntry:
    return AuditEntry(
        at=NOW + timedelta(minutes=number),
        action="details.open",
        where="192.0.2.0/24",
        outcome=AuditOutcome.REFUSED if number % 3 == 0 else AuditOutcome.DONE,
        actor=f"s-{number}",
        organisation="busan",
        roles=("lead", "counsellor"),
        report_id=f"report-{number}",
        reason="first_contact",
        detail={"b": "2", "a": str(number)},
    )


def lines(count: int = LENGTH, service: str = "intake") -> list[ChainEntry]:
    return chain.link(KEYS, service, [entry(number) for number in range(1, count + 1)], 0, START)


def kinds(given_lines: Iterable[ChainEntry], *, head: int | None = LENGTH) -> list[str]:
    verifier = ChainVerifier(KEYS, "intake")
    if head is not None:
        verifier.expect(chain.sign_anchor(KEYS, "intake", "head", head, lines(head)[-1].mac, NOW))
    for line in given_lines:
        verifier.feed(line)
    return [finding.kind for finding in verifier.finish()]


@given(st.permutations(range(LENGTH)))
def test_an_untouched_chain_is_whole_in_whatever_order_it_is_read(order: list[int]) -> None:
    whole = lines()
    assert kinds(whole[place] for place in order) == []


CHANGES: dict[str, object] = {
    "at": NOW,
    "action": "cases.read",
    "where": "198.51.100.0/24",
    "outcome": AuditOutcome.REFUSED,
    "actor": "s-other",
    "organisation": "jeju",
    "roles": ("lead",),
    "report": "0" * 32,
    "reason": "handover",
    "detail": {"a": "4", "b": "3"},
    "previous": "f" * 64,
    "mac": "f" * 64,
}


def test_every_field_of_a_line_is_covered() -> None:
    assert set(CHANGES) == set(ChainEntry.__slots__) - {"seq"}


@pytest.mark.parametrize("field", CHANGES)
def test_an_altered_field_is_found(field: str) -> None:
    whole = lines()
    changed: dict[str, object] = {field: CHANGES[field]}
    whole[3] = replace(whole[3], **changed)  # type: ignore[arg-type]  # a table of several types
    assert "altered" in kinds(whole)


@given(st.sets(st.integers(0, LENGTH - 1), min_size=1))
def test_removed_lines_are_found_wherever_they_were(gone: set[int]) -> None:
    left = [line for place, line in enumerate(lines()) if place not in gone]
    assert {"removed", "cut_off"} & set(kinds(left))


def test_a_removed_line_whose_followers_moved_up_is_found() -> None:
    whole = lines()
    closed_up = [*whole[:4], *(replace(line, seq=line.seq - 1) for line in whole[5:])]
    assert "altered" in kinds(closed_up)
    # Even somebody who could seal lines but kept the old links would be found.
    resealed = [*whole[:4], *(chain.with_mac(KEYS, "intake", replace(line, seq=line.seq - 1)) for line in whole[5:])]
    assert "moved" in kinds(resealed)


def test_swapped_lines_are_found() -> None:
    whole = lines()
    whole[2], whole[3] = replace(whole[3], seq=3), replace(whole[2], seq=4)
    assert kinds(whole).count("altered") == 2


def test_a_line_made_with_another_key_or_of_another_service_is_found() -> None:
    whole = lines()
    forged = chain.link(AuditKeys(b"x" * 32), "intake", [entry(5)], 4, whole[3].mac)[0]
    assert "altered" in kinds([*whole[:4], forged, *whole[5:]])
    assert "altered" in kinds(lines(service="notify"))


def test_a_line_that_is_there_twice_is_found() -> None:
    whole = lines()
    assert kinds([*whole, whole[3]]) == ["foreign"]


@pytest.mark.parametrize("left", range(LENGTH))
def test_a_cut_off_tail_is_found_by_the_head_that_was_vouched_for(left: int) -> None:
    assert kinds(lines()[:left]) == ["cut_off"]
    assert kinds(lines()[:left], head=None) == []


def test_a_tail_that_was_cut_off_and_written_anew_is_found() -> None:
    start = lines()[:6]
    anew = chain.link(KEYS, "intake", [entry(50 + n) for n in range(10)], 6, start[-1].mac)
    assert kinds([*start, *anew]) == ["rewritten"]


def test_after_a_sweep_it_begins_at_the_checkpoint() -> None:
    whole = lines()
    verifier = ChainVerifier(KEYS, "intake", after=5, previous=whole[4].mac)
    verifier.expect(chain.sign_anchor(KEYS, "intake", "head", LENGTH, whole[-1].mac, NOW))
    verifier.expect(chain.sign_anchor(KEYS, "intake", "head", 2, whole[1].mac, NOW))  # noted down long ago, gone since
    for line in whole[2:]:  # some that should have gone are still there
        verifier.feed(line)
    assert verifier.finish() == []
    wrong = ChainVerifier(KEYS, "intake", after=5, previous=whole[3].mac)
    wrong.feed(whole[5])
    assert [finding.kind for finding in wrong.finish()] == ["moved"]
    missing = ChainVerifier(KEYS, "intake", after=5, previous=whole[4].mac)
    missing.feed(whole[6])
    assert [finding.kind for finding in missing.finish()] == ["removed"]


@pytest.mark.parametrize(
    "forge",
    [
        lambda anchor: replace(anchor, seq=anchor.seq - 1),
        lambda anchor: replace(anchor, mac="0" * 64),
        lambda anchor: replace(anchor, at=anchor.at + timedelta(seconds=1)),
        lambda anchor: replace(anchor, signature="0" * 64),
    ],
)
def test_a_mark_is_genuine_only_as_it_was_made(forge: Callable[[Anchor], Anchor]) -> None:
    anchor = chain.sign_anchor(KEYS, "intake", "head", 7, "a" * 64, NOW)
    assert chain.is_genuine(KEYS, "intake", "head", anchor)
    assert not chain.is_genuine(KEYS, "intake", "head", forge(anchor))
    assert not chain.is_genuine(KEYS, "intake", "checkpoint", anchor)
    assert not chain.is_genuine(KEYS, "notify", "head", anchor)
    assert chain.parse_anchor(chain.format_anchor(anchor)) == anchor


@pytest.mark.parametrize("text", ["", "1:2:3", "x:a:1:b", "1:a:x:b", "1:a:1:b:c"])
def test_what_is_no_mark_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        chain.parse_anchor(text)


def test_the_order_of_roles_and_details_does_not_matter() -> None:
    first = entry(1)
    second = replace(first, roles=("counsellor", "lead"), detail={"a": "1", "b": "2"})
    assert chain.link(KEYS, "intake", [first], 0, START) == chain.link(KEYS, "intake", [second], 0, START)


def test_a_report_is_named_by_a_keyed_reference() -> None:
    [line] = chain.link(KEYS, "intake", [entry(1)], 0, START)
    assert line.report == KEYS.reference("report-1")
    assert "report-1" not in str(document_of(line))
    assert KEYS.reference("report-1") != AuditKeys(b"x" * 32).reference("report-1")


def test_the_key_of_one_service_forges_no_line_of_another() -> None:
    of = {service: AuditKeys(service_secret(b"v" * 32, service)) for service in SERVICES}
    for service, keys in of.items():
        for other, theirs in of.items():
            [line] = chain.link(theirs, service, [entry(1)], 0, START)
            assert chain.is_written_with(keys, service, line) is (service == other)


def test_fields_cannot_run_into_each_other() -> None:
    one = AuditEntry(at=NOW, action="a", where="b", actor="c", reason=None)
    contents = {
        chain.content("intake", chain.link(KEYS, "intake", [variant], 0, START)[0])
        for variant in (
            one,
            replace(one, actor=None, organisation="c"),
            replace(one, actor='c","d'),
            replace(one, reason="None"),
            replace(one, roles=("a", "b")),
            replace(one, roles=("a,b",)),
        )
    }
    assert len(contents) == 6


def test_a_stored_line_comes_back_and_nothing_else_does() -> None:
    [line] = chain.link(KEYS, "intake", [entry(1)], 0, START)
    document = document_of(line)
    assert line_of(document) == line
    damaged = [
        {**document, "more": 1},
        {name: value for name, value in document.items() if name != "reason"},
        {**document, "at": "2026"},
        {**document, "day": "2026-01-01"},
        {**document, "outcome": "perhaps"},
        {**document, "detail": 3},
        {**document, "at": datetime.max.replace(tzinfo=UTC)},
        {**document, "at": DatetimeMS(2**60)},
        {**document, "_id": float("inf")},
        {**document, "mac": 3},
        {**document, "actor": b"kim"},
        {**document, "detail": {"a": 1}},
    ]
    assert [line_of(one) for one in damaged] == [None] * len(damaged)


def test_a_mac_or_signature_of_any_text_is_a_finding_like_any_other_that_is_wrong() -> None:
    whole = lines()
    assert "altered" in kinds([*whole[:-1], replace(whole[-1], mac="가")])
    assert not chain.is_genuine(KEYS, "intake", "head", Anchor(1, "ab", NOW, "가"))
    found, foreign = published.parse(["intake=1:ab:0:가"], {"intake": KEYS}, KEYS)
    assert (found["intake"].anchors, foreign) == ([], ["intake=1:ab:0:가"])


@pytest.mark.parametrize(
    "document",
    [{}, {"seq": "x", "mac": "", "at": NOW, "signature": ""}, {"seq": 1, "mac": "", "at": 5, "signature": ""}],
)
def test_what_stands_where_an_anchor_should_is_one_that_nobody_signed(document: dict[str, object]) -> None:
    assert not chain.is_genuine(KEYS, "intake", "head", anchor_of(document))


def test_two_years_are_kept() -> None:
    for year, month in itertools.product(range(2020, 2030), (1, 3)):
        then = datetime(year, month, 1, tzinfo=UTC)
        assert then + chain.KEPT >= then.replace(year=year + 2)
