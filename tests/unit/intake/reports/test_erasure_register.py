"""The register of erasures: outside the store, added to by intake alone, and read back whole."""

import asyncio
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.intake.reports import erasure_register
from services.intake.reports.erasure_register import ErasureRegister, Happened, LastWord, RegisterLine, last_words
from shared.errors import TransientError

KEY = b"k" * 32
AT = datetime(2026, 11, 27, 3, tzinfo=UTC)
ONE, OTHER = (f"{number}0000000-0000-5000-8000-000000000000" for number in (1, 2))


def only_file(folder: Path) -> Path:
    [file] = folder.iterdir()
    return file


async def test_every_process_has_a_file_and_all_are_read_oldest_first(tmp_path: Path) -> None:
    first, second = ErasureRegister(tmp_path / "erasures", KEY), ErasureRegister(tmp_path / "erasures", KEY)
    await second.note(Happened.WITHDRAWN, OTHER, AT, 7)
    await first.note(Happened.WITHDRAWN, ONE, AT - timedelta(hours=1), 7)
    await second.note(Happened.ERASED, ONE, AT + timedelta(hours=1), 7)
    read = ErasureRegister(tmp_path / "erasures", KEY).entries()
    assert [(entry.what, entry.report_id) for entry in read] == [
        (Happened.WITHDRAWN, ONE),
        (Happened.WITHDRAWN, OTHER),
        (Happened.ERASED, ONE),
    ]
    assert len(list((tmp_path / "erasures").iterdir())) == 2


async def test_a_line_that_intake_did_not_write_erases_nothing(tmp_path: Path) -> None:
    register = ErasureRegister(tmp_path, KEY)
    await register.note(Happened.WITHDRAWN, ONE, AT, 7)
    file = only_file(tmp_path)
    genuine = file.read_text("utf-8")
    forged = genuine.replace("withdrawn", "erased") + genuine.replace(ONE, OTHER) + genuine[:40]
    file.write_text(genuine + forged, "utf-8")
    assert register.entries() == [RegisterLine(AT, Happened.WITHDRAWN, ONE, 7)]
    assert ErasureRegister(tmp_path, b"x" * 32).entries() == []


@pytest.mark.parametrize("what", list(Happened))
async def test_a_register_that_cannot_be_written_says_so(
    what: Happened, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "erasures").touch()
    before = _failures()
    with pytest.raises(TransientError):
        await ErasureRegister(tmp_path / "erasures", KEY).note(what, ONE, AT, 7)
    # Alerts rest on it: a restore brings back what is not noted, and destroys whose return is not noted.
    assert _failures() == {**before, what.value: before[what.value] + 1}
    said = capsys.readouterr()
    assert ONE in said.out + said.err, "for whoever has to look after it once a backup was restored"


def _failures() -> dict[str, float]:
    [family] = erasure_register.FAILURES.collect()
    return {one.labels["what"]: one.value for one in family.samples if one.name.endswith("_total")}


async def test_without_a_folder_nothing_is_noted() -> None:
    register = ErasureRegister(None, KEY)
    await register.note(Happened.ERASED, ONE, AT, 7)
    assert register.entries() == []


async def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    register = ErasureRegister(tmp_path, KEY)
    await register.note(Happened.WITHDRAWN, ONE, AT, 7)
    file = only_file(tmp_path)
    file.write_text(file.read_text("utf-8") + "\n2026-11-27T03:00", "utf-8")
    await register.note(Happened.ERASED, OTHER, AT, 3)
    assert {entry.report_id for entry in register.entries()} == {ONE, OTHER}


async def test_a_full_disk_is_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "write", lambda handle, content: 5)
    with pytest.raises(TransientError):
        await ErasureRegister(tmp_path, KEY).note(Happened.ERASED, ONE, AT, 7)


async def test_a_disk_that_hangs_is_one_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    awake = threading.Event()
    monkeypatch.setattr(erasure_register, "NOTED_WITHIN_S", 0.05)
    monkeypatch.setattr(os, "fsync", lambda _: awake.wait())
    register = ErasureRegister(tmp_path, KEY)
    try:
        with pytest.raises(TransientError):
            async with asyncio.timeout(20):  # a withdrawal waits for it
                await register.note(Happened.WITHDRAWN, ONE, AT, 7)
    finally:
        awake.set()


def test_the_last_word_counts_and_erased_is_the_end() -> None:
    later = AT + timedelta(hours=1)
    withdrawn = RegisterLine(AT, Happened.WITHDRAWN, ONE, 4)
    undone = [withdrawn, RegisterLine(later, Happened.REINSTATED, ONE, 5)]
    assert last_words(undone) == {ONE: LastWord(reinstated=undone[1])}
    again = RegisterLine(later + timedelta(hours=1), Happened.WITHDRAWN, ONE, 6)
    assert last_words([*undone, again]) == {ONE: LastWord(withdrawn=again)}
    assert last_words(undone[:1]) == {ONE: LastWord(withdrawn, None)}
    erased = RegisterLine(later, Happened.ERASED, ONE, 6)
    gone = [withdrawn, erased, RegisterLine(later, Happened.REINSTATED, ONE, 5)]
    assert last_words(gone) == {ONE: LastWord(withdrawn, erased)}
    alone = RegisterLine(AT, Happened.ERASED, OTHER, 1)
    assert last_words([alone]) == {OTHER: LastWord(None, alone)}


@pytest.mark.parametrize("how", [Happened.KEPT, Happened.REINSTATED])
@pytest.mark.parametrize("noted_first", [True, False])
def test_an_erasure_that_another_change_came_before_did_not_happen(how: Happened, *, noted_first: bool) -> None:
    """It is noted before it is done; in which order the two lines stand, clocks decide."""
    withdrawn, erased = RegisterLine(AT, Happened.WITHDRAWN, ONE, 4), RegisterLine(AT, Happened.ERASED, ONE, 5)
    kept = RegisterLine(AT, how, ONE, 5)
    pair = [erased, kept] if noted_first else [kept, erased]
    expected = LastWord(withdrawn=withdrawn) if how is Happened.KEPT else LastWord(reinstated=kept)
    assert last_words([withdrawn, *pair]) == {ONE: expected}
    later = RegisterLine(AT + timedelta(hours=1), Happened.ERASED, ONE, 6)
    assert last_words([withdrawn, *pair, later])[ONE].erased == later, "the next time it was"


@pytest.mark.parametrize("how", [Happened.KEPT, Happened.REINSTATED])
def test_an_erasure_in_a_restored_store_happened_whatever_became_of_the_report_before(how: Happened) -> None:
    """The report of the backup has changed less often than the one that was lost."""
    lost = RegisterLine(AT, how, ONE, 9)
    erased = RegisterLine(AT + timedelta(days=4), Happened.ERASED, ONE, 6)
    assert last_words([lost, erased])[ONE].erased == erased
    unnoted = lost._replace(at=erased.at)
    assert last_words([erased, unnoted]).get(ONE, LastWord()).erased is None, "the change before it was not noted"


def test_a_line_says_nothing_of_a_report_that_has_changed_since() -> None:
    withdrawn, erased = RegisterLine(AT, Happened.WITHDRAWN, ONE, 4), RegisterLine(AT, Happened.ERASED, ONE, 6)
    word = LastWord(withdrawn, erased)
    assert word.of(4) == word
    assert word.of(5) == LastWord(None, erased)
    assert word.of(7) == LastWord(None, None)
