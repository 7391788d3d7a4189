"""Published anchors: what a restore lost is not missed, and nobody but the verifier can say so."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from motor.motor_asyncio import AsyncIOMotorClient

from shared.audit import chain, published
from shared.audit.anchors import anchor_of
from shared.audit.chain import AuditKeys, ChainVerifier, service_secret
from shared.audit.model import Anchor, AuditEntry, ChainEntry
from shared.audit.published import AnchorFile, PublishedAnchors
from shared.audit.store import AuditLog
from shared.errors import TransientError
from tests.support.clock import ManualClock

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEYS = {service: AuditKeys(service_secret(b"v" * 32, service)) for service in ("intake", "analytics")}
VERIFIER = AuditKeys(service_secret(b"v" * 32, "verifier"))


def anchor(seq: int, minute: int, signer: str = "intake") -> Anchor:
    return chain.sign_anchor(KEYS[signer], "intake", "head", seq, "ab" * 32, NOW + timedelta(minutes=minute))


def line(of: Anchor, service: str = "intake") -> str:
    return f"{service}={chain.format_anchor(of)}"


def restored(seq: int, minute: int, signer: AuditKeys = VERIFIER) -> str:
    kept = Anchor(seq, "cd" * 32, NOW + timedelta(minutes=minute), "")
    return published.restore_line(signer, "intake", kept, "ieum-20261127T110000Z")


def known(*lines: str) -> PublishedAnchors:
    return published.parse(lines, KEYS, VERIFIER)[0]["intake"]


def test_what_a_restore_lost_is_expected_no_more_and_all_else_is() -> None:
    lines = [line(anchor(5, 1)), line(anchor(9, 2)), restored(7, 3), line(anchor(8, 4)), line(anchor(12, 5))]
    found = known(*lines)
    assert found.lost() == [anchor(9, 2)]
    assert {(one.seq, one.mac[:2]) for one in found.expected()} == {(7, "cd"), (5, "ab"), (8, "ab"), (12, "ab")}


def test_a_second_restore_keeps_what_was_written_between_the_two() -> None:
    found = known(restored(7, 3), line(anchor(9, 4)), line(anchor(20, 5)), restored(12, 6))
    assert found.lost() == [anchor(20, 5)]
    assert anchor(9, 4) in found.expected()


@pytest.mark.parametrize(
    "forged",
    [
        line(anchor(5, 1, signer="analytics")),
        line(anchor(5, 1), "analytics"),
        line(anchor(5, 1), "nobody"),
        restored(7, 3, signer=KEYS["intake"]),
        restored(7, 3).replace("T110000Z", "T110001Z"),
        restored(7, 3).replace("intake=7:", "intake=6:"),
        "intake=",
        "intake=1:2:99999999999999999999:3",
        "",
    ],
)
def test_a_line_that_its_service_or_the_verifier_did_not_sign_counts_for_nothing(forged: str) -> None:
    found, foreign = published.parse([line(anchor(4, 0)), forged], KEYS, VERIFIER)
    assert foreign == [forged]
    assert found["intake"] == known(line(anchor(4, 0)))
    assert found["analytics"] == PublishedAnchors()


def test_a_topic_that_lost_anchors_is_found_unless_a_restore_made_it_anew() -> None:
    before, after = [line(anchor(5, 1)), line(anchor(6, 2))], [restored(5, 3), line(anchor(8, 4))]
    assert known(*before).missing_in([before[1]]) == 1
    assert known(*before).missing_in([*before, *after]) == 0
    assert known(*before, *after).missing_in([*after]) == 0, "the topic was made anew"
    assert known(*before, *after).missing_in([after[1]]) == 1, "the note of the restore is not in it"
    assert known(*before, *after).missing_in([after[0]]) == 1


def test_the_copy_is_for_its_owner_and_only_grows(tmp_path: Path) -> None:
    file = AnchorFile(tmp_path / "apart" / "published")
    assert file.lines() == []
    file.append(["a", "b", "a"])
    file.append(["c", "b"])
    assert file.lines() == ["a", "b", "c"]
    assert stat.S_IMODE((tmp_path / "apart" / "published").stat().st_mode) == 0o600
    AnchorFile(tmp_path / "apart" / "published").append(["x"])
    assert file.lines() == ["a", "b", "c", "x"]


def test_what_is_in_the_topic_and_in_its_copy_is_in_memory_once(tmp_path: Path) -> None:
    """Services publish a million a year."""
    file, raw = AnchorFile(tmp_path / "published"), line(anchor(5, 1)).encode()
    file.append([raw.decode()])
    assert file.lines()[0] is published.one_line(raw.decode()) is not raw.decode()


def test_lines_that_were_removed_before_their_two_years_are_found_whoever_signed_the_mark() -> None:
    found = known(line(anchor(5, 1)), line(anchor(9, 2)))
    mark = chain.sign_anchor(KEYS["intake"], "intake", "checkpoint", 6, "ab" * 32, NOW)
    assert found.removed_early(None, NOW) is None
    finding = found.removed_early(mark, NOW + timedelta(days=700))
    assert finding is not None
    assert (finding.kind, finding.seq) == ("removed", 5)
    assert found.removed_early(mark, NOW + timedelta(days=733)) is None, "the sweep of a log"
    assert known(line(anchor(5, 1)), restored(4, 3)).removed_early(mark, NOW) is None, "a restore lost it"


def test_anchors_of_lines_that_were_swept_are_not_held_and_restores_are(tmp_path: Path) -> None:
    years, file = 3 * 365 * 24 * 60, AnchorFile(tmp_path / "published")
    old, young, strange = line(anchor(5, 1)), line(anchor(9, years)), ["a:b:c:d", f"{'9' * 900}:b", "intake=1:ab:²:d"]
    file.append([old, restored(5, 2), young, *strange])
    since = published.counts_since(NOW + timedelta(minutes=years))
    assert file.lines(since) == [restored(5, 2), young, *strange]
    assert published.counts_since(NOW) < NOW - chain.KEPT, "no line that is not swept yet"


def audited(count: int, *, anew: bool = False) -> list[ChainEntry]:
    """Intake's log; ``anew``: other lines under the same key."""
    entries = [AuditEntry(at=NOW, action="x", where="y", reason=str(anew)) for _ in range(count)]
    return chain.link(KEYS["intake"], "intake", entries, 0, chain.START)


def signed(of: ChainEntry, signer: AuditKeys, minute: int = 0) -> str:
    return line(chain.sign_anchor(signer, "intake", "head", of.seq, of.mac, NOW + timedelta(minutes=minute)))


def verified(log: list[ChainEntry], *topic: str) -> tuple[set[str], list[str]]:
    """The kinds of findings about a log held against what was published, and the lines that are no anchors."""
    found, foreign = published.parse(topic, KEYS, VERIFIER)
    verifier = ChainVerifier(KEYS["intake"], "intake")
    for position in found["intake"].expected():
        verifier.expect(position)
    for one in log:
        verifier.feed(one)
    return {finding.kind for finding in verifier.finish()}, foreign


def test_a_later_anchor_at_the_same_number_takes_no_earlier_ones_place() -> None:
    own = KEYS["intake"]
    true, anew = audited(6), audited(6, anew=True)
    assert [one.mac for one in true] != [one.mac for one in anew]
    topic = [signed(true[3], own), signed(true[5], own)]
    assert verified(true, *topic) == (set(), [])
    forged = [*topic, signed(anew[3], own, 5), signed(anew[5], own, 5)]
    assert verified(anew, *forged) == ({"rewritten"}, [])
    assert verified(true, *forged) == ({"rewritten"}, []), "two lines signed at one number are enough"


def test_a_published_line_stays_one_line_whatever_is_in_it_and_strange_ones_fill_no_disk(tmp_path: Path) -> None:
    file = AnchorFile(tmp_path / "published")
    strange = ["a\rb", "a\u2028b", "a\nb", "\x85", "x" * 5000]
    file.append(strange)
    assert file.lines() == ["a\rb", "a\u2028b", "a b", "\x85", "x" * 1000]
    file.append(strange)
    assert len(file.lines()) == 5
    flood = [f"strange {number}" for number in range(1500)]
    kept = published.to_copy(["anchor", *flood, "last"], flood, flood[:10])
    assert (len(kept), kept[0], kept[-1]) == (1002, "anchor", "last")


async def test_what_the_store_says_keeps_no_head_of_this_process_from_being_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(connect=False)
    log = AuditLog(client["none"], KEYS["intake"], ManualClock(NOW), "intake", None)
    held: list[Anchor | Exception | None] = [None]

    async def get(_: str) -> Anchor | None:
        if isinstance(held[0], Exception):
            raise held[0]
        return held[0]

    async def keep(*_: object) -> None:
        pass

    monkeypatch.setattr(log.anchors, "get", get)
    monkeypatch.setattr(log.anchors, "keep", keep)
    forged: list[Anchor | Exception | None] = [
        None,
        anchor(4, 0),
        anchor(1_000, 0, signer="analytics"),
        TransientError("store: away"),
        anchor_of({"_id": "head", "mac": "ab"}),
    ]
    held[0] = forged[2]
    assert await log.newest_head() is None, "at the start only what is genuine"
    held[0] = forged[3]
    with pytest.raises(TransientError):
        await log.newest_head()
    await log._sign_head(5, "ab" * 32)
    for one in forged:
        held[0] = one
        assert await log.newest_head() == anchor(5, 0)
    held[0] = anchor(6, 1)
    assert await log.newest_head() == anchor(6, 1), "a command beside it wrote a line"
    client.close()


def test_a_line_that_waits_too_long_for_its_anchor_is_a_finding_and_a_young_one_is_not() -> None:
    found = known(line(anchor(5, 1)), line(anchor(9, 2)), restored(7, 3))
    assert (found.reached(), PublishedAnchors().reached()) == (7, 0)
    assert found.silent(None, NOW) is None
    assert found.silent((8, NOW), NOW + timedelta(minutes=10)) is None
    finding = found.silent((8, NOW), NOW + timedelta(minutes=10, seconds=1))
    assert finding is not None
    assert (finding.kind, finding.seq) == ("silent", 8)
