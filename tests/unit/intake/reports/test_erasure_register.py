"""The register of erasures: outside the store, added to by intake alone, and read back whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.intake.reports.erasure_register import Entry, ErasureRegister, Happened, LastWord, last_words
from shared.errors import TransientError

KEY = b"k" * 32
AT = datetime(2026, 11, 27, 3, tzinfo=UTC)
ONE, OTHER = (f"{number}0000000-0000-5000-8000-000000000000" for number in (1, 2))


def only_file(folder: Path) -> Path:
    [file] = folder.iterdir()
    return file


async def test_every_process_has_a_file_and_all_are_read_oldest_first(tmp_path: Path) -> None:
    first, second = ErasureRegister(tmp_path / "erasures", KEY), ErasureRegister(tmp_path / "erasures", KEY)
    await second.note(Happened.WITHDRAWN, OTHER, AT)
    await first.note(Happened.WITHDRAWN, ONE, AT - timedelta(hours=1))
    await second.note(Happened.ERASED, ONE, AT + timedelta(hours=1))
    read = ErasureRegister(tmp_path / "erasures", KEY).entries()
    assert [(entry.what, entry.report_id) for entry in read] == [
        (Happened.WITHDRAWN, ONE),
        (Happened.WITHDRAWN, OTHER),
        (Happened.ERASED, ONE),
    ]
    assert len(list((tmp_path / "erasures").iterdir())) == 2


async def test_a_line_that_intake_did_not_write_erases_nothing(tmp_path: Path) -> None:
    register = ErasureRegister(tmp_path, KEY)
    await register.note(Happened.WITHDRAWN, ONE, AT)
    file = only_file(tmp_path)
    genuine = file.read_text("utf-8")
    forged = genuine.replace("withdrawn", "erased") + genuine.replace(ONE, OTHER) + genuine[:40]
    file.write_text(genuine + forged, "utf-8")
    assert register.entries() == [Entry(AT, Happened.WITHDRAWN, ONE)]
    assert ErasureRegister(tmp_path, b"x" * 32).entries() == []


async def test_a_register_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "erasures").touch()
    with pytest.raises(TransientError):
        await ErasureRegister(tmp_path / "erasures", KEY).note(Happened.ERASED, ONE, AT)


async def test_without_a_folder_nothing_is_noted() -> None:
    register = ErasureRegister(None, KEY)
    await register.note(Happened.ERASED, ONE, AT)
    assert register.entries() == []


def test_the_last_word_counts_and_erased_is_the_end() -> None:
    later = AT + timedelta(hours=1)
    undone = [Entry(AT, Happened.WITHDRAWN, ONE), Entry(later, Happened.REINSTATED, ONE)]
    assert last_words(undone) == {ONE: LastWord(None, None)}
    assert last_words(undone[:1]) == {ONE: LastWord(AT, None)}
    gone = [*undone[:1], Entry(later, Happened.ERASED, ONE), Entry(later, Happened.REINSTATED, ONE)]
    assert last_words(gone) == {ONE: LastWord(AT, later)}
    assert last_words([Entry(AT, Happened.ERASED, OTHER)]) == {OTHER: LastWord(None, AT)}
