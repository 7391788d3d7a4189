"""Published anchors: what a restore lost is not missed, and nobody but the verifier can say so."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.audit import chain, published
from shared.audit.chain import AuditKeys, service_secret
from shared.audit.model import Anchor
from shared.audit.published import AnchorFile, Published

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
KEYS = {service: AuditKeys(service_secret(b"v" * 32, service)) for service in ("intake", "analytics")}
VERIFIER = AuditKeys(service_secret(b"v" * 32, "verifier"))


def anchor(seq: int, minute: int, signer: str = "intake", mac: str = "ab") -> Anchor:
    return chain.sign_anchor(KEYS[signer], "intake", "head", seq, mac * 32, NOW + timedelta(minutes=minute))


def line(of: Anchor, service: str = "intake") -> str:
    return f"{service}={chain.format_anchor(of)}"


def restored(seq: int, minute: int, signer: AuditKeys = VERIFIER) -> str:
    kept = Anchor(seq, "cd" * 32, NOW + timedelta(minutes=minute), "")
    return published.restore_line(signer, "intake", kept, "ieum-20261127T110000Z")


def known(*lines: str) -> Published:
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
    assert found["analytics"] == Published()


def test_a_topic_that_lost_anchors_is_found_unless_a_restore_made_it_anew() -> None:
    before, after = [line(anchor(5, 1)), line(anchor(6, 2))], [restored(5, 3), line(anchor(8, 4))]
    assert known(*before).missing_in(known(before[1])) == 1
    assert known(*before).missing_in(known(*before, *after)) == 0
    assert known(*before, *after).missing_in(known(*after)) == 0, "the topic was made anew"
    assert known(*before, *after).missing_in(known(after[1])) == 1, "the note of the restore is not in it"
    assert known(*before, *after).missing_in(known(after[0])) == 1


def test_the_copy_is_for_its_owner_and_only_grows(tmp_path: Path) -> None:
    file = AnchorFile(tmp_path / "apart" / "published")
    assert file.lines() == []
    file.append(["a", "b", "a"])
    file.append(["c", "b"])
    assert file.lines() == ["a", "b", "c"]
    assert stat.S_IMODE((tmp_path / "apart" / "published").stat().st_mode) == 0o600
    AnchorFile(tmp_path / "apart" / "published").append(["x"])
    assert file.lines() == ["a", "b", "c", "x"]
