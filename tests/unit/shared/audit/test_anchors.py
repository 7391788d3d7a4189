"""Heads outside the store: no later process and no older state takes one back."""

from datetime import UTC, datetime
from pathlib import Path

from shared.audit import chain
from shared.audit.anchors import HeadFile
from shared.audit.chain import AuditKeys
from shared.audit.model import Anchor

KEYS = AuditKeys(b"a" * 32)


def head(seq: int, mac: str = "ab") -> Anchor:
    return chain.sign_anchor(KEYS, "intake", "head", seq, mac * 32, datetime(2026, 11, 24, tzinfo=UTC))


def test_a_process_replaces_its_own_head_and_leaves_those_of_others(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    first, second = HeadFile(folder, "ieum_intake"), HeadFile(folder, "ieum_intake")
    for seq in (5, 7, 6):
        first.keep(head(seq))
    second.keep(head(3, "cd"))  # after the log was emptied and the service started anew
    assert first.all() == second.all() == [head(7), head(3, "cd")]
    assert HeadFile(folder, "ieum_notify").all() == []


def test_what_was_proven_replaces_all_before_it_and_nothing_after_it(tmp_path: Path) -> None:
    first, second, proof = (HeadFile(tmp_path, "ieum_intake") for _ in range(3))
    first.keep(head(5))
    second.keep(head(9))
    proof.proven(head(7))
    assert proof.all() == [head(9)]
    proof.proven(head(12))
    assert proof.all() == [head(12)]
    first.keep(head(13))
    assert proof.all() == [head(12), head(13)]
    proof.proven(head(4))
    assert proof.all() == [head(12), head(13)]


def test_what_is_no_head_is_left_out_and_without_a_folder_there_is_none(tmp_path: Path) -> None:
    kept = HeadFile(tmp_path, "ieum_intake")
    kept.keep(head(2))
    (tmp_path / "ieum_intake.heads").open("a").write("x\n1 2:3\n")
    assert kept.all() == [head(2)]
    none = HeadFile(None, "ieum_intake")
    none.keep(head(2))
    none.proven(head(2))
    assert none.all() == []


def test_a_folder_that_cannot_be_written_holds_up_nothing(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file")
    HeadFile(tmp_path / "audit", "ieum_intake").keep(head(1))
