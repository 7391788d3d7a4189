"""The state store on disk knows what a dictionary in memory would, and only what was committed survives."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import lmdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.routing.models import CaseTotals, ReportState
from services.routing.state import store as store_module
from services.routing.state.folder import StateFolder, this_boot
from services.routing.state.store import Checkpoint, StateStore
from services.routing.state.waiting import Waits
from shared.errors import FatalError
from shared.events.vocabulary import EndReason
from tests.unit.routing.builders import NOW, report_id
from tests.unit.routing.fake_log import kill

ROOT = Path(__file__).parents[3]
BOOT = "this boot"

moments = st.integers(-(10**15), 4 * 10**15).map(
    lambda micros: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "version": st.integers(1, 10**9),
    "ownership": st.integers(1, 10**9),
    "center_id": st.sampled_from(["busan", "jeju", "central"]),
    "intake_version": st.integers(1, 10**9),
    "weight": st.integers(0, 100),
    "ended": st.none() | st.sampled_from(EndReason),
    "received_at": moments,
    "facts": st.sampled_from([b'{"division":"busan"}', b"{}", '{"place":"부산"}'.encode()]),
    "home": st.none() | st.just("busan"),
    "severe": st.booleans(),
    "case_causes": st.lists(st.text(max_size=5), max_size=3).map(tuple),
    "waits_since": st.none() | moments,
    "right_of_return": st.booleans(),
}
report_states = st.builds(ReportState, **FIELDS)
ids = st.uuids().map(str)


def checkpoint(position: int = 1) -> Checkpoint:
    return Checkpoint(position, "d", 7, 2, {"busan": CaseTotals(1, 10, 0, 1)})


def taken(root: Path, boot: str | None = BOOT) -> StateFolder:
    folder = StateFolder(root, boot=boot)
    folder.take()
    return folder


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StateStore]:
    made = StateStore(tmp_path / "p")
    yield made
    made.close(sync=False)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(ids, report_states, max_size=8), st.dictionaries(ids, st.tuples(st.integers(1, 10**9), moments)))
def test_what_is_committed_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    known: dict[str, ReportState],
    acknowledged: dict[str, tuple[int, datetime]],
) -> None:
    path = tmp_path_factory.mktemp("store")
    made = StateStore(path)
    made.report_states.update(known)
    made.acknowledged.update(acknowledged)
    made.commit(checkpoint())
    made.close(sync=False)
    again = StateStore(path)
    assert again.report_states == known
    assert again.acknowledged == acknowledged
    assert len(again.report_states) == len(known)
    assert again.checkpoint == checkpoint()
    again.close(sync=False)


WAITS = st.lists(
    st.tuples(st.sampled_from(["add", "add", "remove"]), st.integers(1, 6), st.integers(0, 3), st.booleans()),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(WAITS)
def test_a_waiting_list_counts_people_and_finds_who_waits_longest(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int, bool]]
) -> None:
    path = tmp_path_factory.mktemp("waiting")
    store, other = StateStore(path), set[tuple[str, datetime, bool]]()
    store.waiting["busanjin"].add(report_id(99), NOW - timedelta(days=1), drill=False)
    for name, number, minutes, drill in steps:
        report, since = report_id(number), NOW + timedelta(minutes=minutes)
        one = (report, since, drill)
        if name == "add":
            store.waiting["busan"].add(report, since, drill=drill)
            other.add(one)
        else:
            assert store.waiting["busan"].remove(report, since, drill=drill) == (one in other)
            other.discard(one)
    people = [since for _, since, drill in other if not drill]
    store.commit(checkpoint())
    store.close(sync=False)
    store = StateStore(path)
    assert store.waiting["busan"].waits() == Waits(len(people), min(people, default=None))
    wanted = [report for report, *_ in sorted(other, key=lambda one: (one[2], one[1], one[0]))]
    assert list(store.waiting["busan"]) == wanted
    assert len(store.waiting["busan"]) == len(other)
    assert list(store.waiting["busanjin"]) == [report_id(99)], "of a centre whose name begins alike"
    store.close(sync=False)


def test_every_field_is_tried() -> None:
    assert set(FIELDS) == set(ReportState._fields), "one that is left out could be forgotten on the disk"


def test_what_was_not_committed_is_gone_and_the_checkpoint_with_it(store: StateStore, tmp_path: Path) -> None:
    store.report_states[report_id(1)] = _standing()
    store.waiting["busan"].add(report_id(1), NOW, drill=False)
    store.commit(checkpoint(1))
    store.report_states[report_id(2)] = _standing()
    store.waiting["busan"].add(report_id(2), NOW, drill=False)
    copy = StateStore(_copied(tmp_path / "p", tmp_path / "q"))
    assert (list(copy.report_states), copy.checkpoint) == ([report_id(1)], checkpoint(1))
    assert copy.waiting["busan"].waits() == Waits(1, NOW)
    copy.close(sync=False)


def test_a_store_in_another_format_is_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = taken(tmp_path)
    folder.open(0).commit(checkpoint())
    folder.close()
    monkeypatch.setattr(store_module, "FORMAT", store_module.FORMAT + ",one_more_field")
    again = taken(tmp_path)
    assert again.open(0).checkpoint is None
    again.close()


@pytest.mark.parametrize("content", [b"", b"garbage" * 2000])
def test_a_damaged_store_is_made_anew(tmp_path: Path, content: bytes) -> None:
    folder = taken(tmp_path)
    folder.open(0).commit(checkpoint())
    folder.close()
    (folder.path / "partition-0" / "data.mdb").write_bytes(content)
    again = taken(tmp_path)
    store = again.open(0)
    assert store.checkpoint is None
    store.commit(checkpoint(2))
    again.close()


CUT_OFF = """
import os, pathlib, sys
from tests.unit.routing.builders import report_id
from tests.unit.routing.test_state_store import _standing, checkpoint, taken
root = pathlib.Path(sys.argv[1])
folder = taken(root)
store = folder.open(0)
store.report_states.update({report_id(n): _standing() for n in range(1000)})
store.commit(checkpoint())
folder.close()
os.truncate(folder.path / "partition-0" / "data.mdb", 4096 * int(sys.argv[2]))
again = taken(root)
print(again.open(0).checkpoint)
"""


@pytest.mark.parametrize("pages", [1, 3, 20])
def test_a_store_whose_file_was_cut_off_is_made_anew(tmp_path: Path, pages: int) -> None:
    # In a process of its own: reading behind the end of the file would end this one.
    given = [sys.executable, "-c", CUT_OFF, str(tmp_path), str(pages)]
    done = subprocess.run(given, cwd=ROOT, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["None"]), done.stderr


def _filled(tmp_path: Path) -> StateFolder:
    folder = taken(tmp_path)
    folder.open(0).commit(checkpoint())
    return folder


def _left_behind(tmp_path: Path) -> None:
    """As a process leaves it that was killed: in use, and held by nobody."""
    folder = _filled(tmp_path)
    os.close(folder._lock or -1)  # what the kernel does
    folder._open.pop(0).close(sync=False)  # LMDB opens a file once in a process


@pytest.mark.parametrize(("boot", "known"), [(BOOT, True), ("another boot", False), (None, False)])
def test_what_a_killed_process_left_is_believed_until_the_machine_itself_went_down(
    tmp_path: Path, boot: str | None, *, known: bool
) -> None:
    _left_behind(tmp_path)
    folder = taken(tmp_path, boot)
    assert (folder.open(0).checkpoint is not None) == known
    folder.close()


def test_what_was_closed_cleanly_is_believed_under_any_boot(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    folder = taken(tmp_path, "another boot")
    assert folder.open(0).checkpoint == checkpoint()
    folder.close()


def test_a_store_that_failed_is_not_believed_again(tmp_path: Path) -> None:
    folder = _filled(tmp_path)
    folder.distrust()
    folder.close()
    again = taken(tmp_path)
    assert again.open(0).checkpoint is None
    again.close()


def test_a_store_that_failed_on_a_full_disk_ends_the_process_and_is_not_believed_again(tmp_path: Path) -> None:
    folder = _filled(tmp_path)
    (folder.path / "in-use.new").mkdir()  # as little can be written there as on a full disk
    with pytest.raises(FatalError, match="no space left on device"), folder.guarded():
        raise lmdb.DiskError("no space left on device")
    kill(folder)
    shutil.rmtree(folder.path / "in-use.new")
    again = taken(tmp_path)
    assert again.open(0).checkpoint is None
    again.close()


def test_two_processes_never_share_a_folder(tmp_path: Path) -> None:
    one, two = taken(tmp_path), taken(tmp_path)
    assert one.path != two.path
    one.close()
    three = taken(tmp_path)
    assert three.path == one.path
    two.close()
    three.close()


def test_a_folder_deleted_while_in_use_is_used_on_and_empty_at_the_next_start(tmp_path: Path) -> None:
    folder = _filled(tmp_path)
    shutil.rmtree(folder.path)
    store = folder._open[0]  # as the changelog has it
    store.report_states[report_id(1)] = _standing()
    store.commit(checkpoint(2))
    assert report_id(1) in store.report_states
    folder.open(1).commit(checkpoint())
    folder.close()
    again = taken(tmp_path)
    assert again.open(0).checkpoint is None
    again.close()


def test_who_lost_its_folder_opens_no_store_in_the_one_another_has_taken_since(tmp_path: Path) -> None:
    one = _filled(tmp_path)
    shutil.rmtree(tmp_path)
    two = taken(tmp_path)
    two.open(5).commit(checkpoint(2))
    assert one.open(5).checkpoint is None
    assert one.path != two.path
    one.close()
    two.close()
    again = taken(tmp_path, "another boot")
    assert again.open(5).checkpoint == checkpoint(2)
    again.close()


def test_a_folder_that_cannot_be_written_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(FatalError, match="ROUTING_STATE_DIR must name a folder it can write to"):
        taken(tmp_path / "file")


KILLED = """
import sys, pathlib
from services.routing.models import CaseTotals
from services.routing.state.folder import this_boot
from services.routing.state.store import Checkpoint
from tests.unit.routing.test_state_store import _standing, taken
from tests.unit.routing.builders import report_id
folder = taken(pathlib.Path(sys.argv[1]), this_boot())
store = folder.open(0)
known = store.checkpoint.position if store.checkpoint else 0
print(known, flush=True)
while True:
    for n in range(known, known + 50):
        store.report_states[report_id(n)] = _standing()
    known += 50
    store.commit(Checkpoint(known, "d", 0, 2, {"busan": CaseTotals(known)}))
    print(known, flush=True)
"""


@pytest.mark.skipif(this_boot() is None, reason="the system does not name its boots")
def test_whatever_moment_a_process_is_killed_at_the_store_is_a_prefix(tmp_path: Path) -> None:
    said = 0
    for number in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
        )
        assert child.stdout is not None
        begins = int(child.stdout.readline())
        assert begins >= said, "what it had said to have is there"
        for _ in range(20 + 13 * number):
            said = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read().split()
        child.wait()
        said = int(rest[-1]) if rest and rest[-1].isdigit() else said
        folder = taken(tmp_path, this_boot())
        store = folder.open(0)
        assert store.checkpoint is not None
        position = store.checkpoint.position
        assert position >= said - 50  # the last line may have been cut off
        assert sorted(store.report_states) == sorted(report_id(n) for n in range(position))
        assert store.checkpoint.case_totals["busan"].open_cases == position
        folder.close()
        said = position


def test_a_reader_of_a_table_sees_what_is_written_before_it_is_committed(store: StateStore) -> None:
    assert store.report_states.get(report_id(1)) is None
    store.report_states[report_id(1)] = _standing()
    assert store.report_states[report_id(1)] == _standing()
    del store.report_states[report_id(1)]
    with pytest.raises(KeyError):
        store.report_states[report_id(1)]
    with pytest.raises(KeyError):
        del store.report_states[report_id(1)]


def test_a_store_that_is_full_says_so_as_an_error_of_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAP_BYTES", 1 << 16)
    store = StateStore(tmp_path / "small")
    with pytest.raises(lmdb.Error):
        store.report_states.update({report_id(n): _standing() for n in range(1000)})
    store.close(sync=False)


def _copied(source: Path, target: Path) -> Path:
    target.mkdir()
    (target / "data.mdb").write_bytes((source / "data.mdb").read_bytes())
    return target


def _standing() -> ReportState:
    return ReportState(1, 1, "busan", 1, 10, None, NOW, b"{}")
