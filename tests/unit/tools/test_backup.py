"""Backups: an archive that is not whole is refused, and a copy of the topics ends where its stores do."""

import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyrage  # type: ignore[import-untyped]  # says no types
import pytest

from shared.events.base import encode
from shared.events.reports import ReportMessageLeft
from shared.events.routings import ReportUpdated
from shared.kafka.decoding import RawRecord
from shared.topics import REPORTS, ROUTINGS
from tests.unit.analytics import events as make
from tools.backup import archive, forecast, keys, restoring, stores, taking, topics
from tools.backup import commands as backup
from tools.backup.archive import ArchiveError, ArchiveWriter
from tools.backup.commands import REFUSED
from tools.backup.cut import Cut, Known
from tools.command import main
from tools.command.running import end_in_order_on_signals
from tools.local import beside
from tools.local import keys as local_keys
from tools.local.keys import SecretsError
from tools.local.processes import PROJECT
from tools.local.settings import LocalSettings
from tools.local.state import RunFolder

KEY = pyrage.x25519.Identity.generate()
NOW = datetime(2026, 11, 27, 3, tzinfo=UTC)
MANY = 500


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / f"one{archive.SUFFIX}"
    with ArchiveWriter(made, str(KEY.to_public())) as writer:
        for number in range(MANY):
            writer.add("store/intake/reports", {"_id": str(number), "sealed": bytes([number % 251]) * 40})
        writer.add("topic/reports/0", {"offset": 0, "key": b"k", "value": b"v"})
        writer.finish({"backup": "one", "left_out": {}})
    return made


def test_keys_are_looked_for_in_the_folder_of_data_that_is_set(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "elsewhere" / "backup-keys"
    folder.mkdir(parents=True)
    local_keys.write_private(folder / keys.PRIVATE, f"{KEY}\n")
    monkeypatch.setenv("IEUM_VAR_DIR", str(tmp_path / "elsewhere"))
    assert main(["backup", "verify", str(path)]) == 0, capsys.readouterr().err


def test_what_was_written_is_read_and_counted(path: Path) -> None:
    manifest = archive.verified(path, str(KEY))
    assert {name: part["count"] for name, part in manifest["parts"].items()} == {
        "store/intake/reports": MANY,
        "topic/reports/0": 1,
    }
    found = list(archive.parts_of(path, str(KEY)))
    assert [part for part, _ in found].count("store/intake/reports") == MANY
    assert found[7][1]["_id"] == "7"
    assert path.stat().st_mode & 0o077 == 0
    assert b"sealed" not in path.read_bytes()


def cut_off(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


def one_bit(raw: bytes) -> bytes:
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]


@pytest.mark.parametrize("damage", [cut_off, one_bit, lambda raw: raw[:-1], lambda _: b""])
def test_a_damaged_archive_is_refused(path: Path, damage: Any) -> None:
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ArchiveError, match=r"one\.ieum\.age"):
        archive.verified(path, str(KEY))


def test_an_archive_is_refused_whose_parts_are_not_those_of_its_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encrypted and whole, but a document is missing: what a fault in the writer would leave."""
    made = tmp_path / f"less{archive.SUFFIX}"
    with ArchiveWriter(made, str(KEY.to_public())) as writer:
        writer.add("store/intake/reports", {"_id": "1"})
        with monkeypatch.context() as patched:
            patched.setattr(writer, "_write", lambda _: None)
            writer.add("store/intake/reports", {"_id": "2"})
        writer.finish({"backup": "less"})
    with pytest.raises(ArchiveError, match="damaged: store/intake/reports"):
        archive.verified(made, str(KEY))


def test_a_backup_that_was_not_finished_leaves_nothing(tmp_path: Path) -> None:
    made = tmp_path / f"cut{archive.SUFFIX}"
    with ArchiveWriter(made, str(KEY.to_public())) as writer:
        writer.add("store/intake/reports", {"_id": "1"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(60)
def test_an_archive_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name mistyped at three in the morning: it waited for ever."""
    keys.recipient(tmp_path)
    assert main(["backup", "verify", "--keys", str(tmp_path), str(tmp_path / "mistyped")]) == REFUSED
    assert f"{tmp_path / 'mistyped'} is not there" in capsys.readouterr().err


def write_much(made: Path) -> None:
    with ArchiveWriter(made, str(KEY.to_public())) as writer:
        for number in range(MANY):
            writer.add("store/intake/reports", {"_id": number, "sealed": secrets.token_bytes(1000)})


def be_told_to_end(made: Path, number: signal.Signals) -> None:
    with ArchiveWriter(made, str(KEY.to_public())) as writer:
        writer.add("store/intake/reports", {"_id": "1"})
        signal.raise_signal(number)


@pytest.mark.timeout(60)
def test_a_folder_that_cannot_be_written_ends_a_backup_with_its_reason(tmp_path: Path) -> None:
    """A disk that is read-only or full: more than a pipe holds must not wait for a reader that never came."""
    draft = tmp_path / f"one{archive.SUFFIX}"
    draft.with_suffix(".unfinished").symlink_to(tmp_path / "no-folder" / "file")
    with pytest.raises(ArchiveError, match=r"could not be written: .*No such file"):
        write_much(draft)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_backup_that_is_told_to_end_leaves_no_draft(tmp_path: Path, number: signal.Signals) -> None:
    """As by a scheduler, or by a connection that broke: what is left would lie there beyond its thirty days."""
    # These tests may run below `nohup` themselves, which children inherit.
    before = {one: signal.signal(one, signal.SIG_DFL) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        end_in_order_on_signals()
        with pytest.raises(SystemExit, match=str(128 + number)):
            be_told_to_end(tmp_path / f"one{archive.SUFFIX}", number)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert list(tmp_path.iterdir()) == []


def ended(script: str) -> int:
    """The status with which a process ends that begins as a command of backups does."""
    lines = ("import signal, sys, time", "from tools.command.running import end_in_order_on_signals", script)
    return subprocess.run([sys.executable, "-c", "\n".join(lines)], check=False, cwd=PROJECT, timeout=60).returncode


def test_a_backup_outlives_its_terminal_where_it_was_told_to() -> None:
    nohup = (
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\nend_in_order_on_signals()\nsignal.raise_signal(signal.SIGHUP)"
    )
    assert ended(nohup) == 0


def test_an_orderly_end_is_not_interrupted_by_being_told_again() -> None:
    twice = (
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\nend_in_order_on_signals()\n"
        "try:\n    signal.raise_signal(signal.SIGHUP)\nfinally:\n"
        "    signal.raise_signal(signal.SIGTERM)\n    sys.exit(5)"
    )
    assert ended(twice) == 5


def test_another_key_opens_nothing(path: Path) -> None:
    with pytest.raises(ArchiveError, match="not the key"):
        archive.verified(path, str(pyrage.x25519.Identity.generate()))


def test_keys_lie_apart_and_the_private_one_may_go(tmp_path: Path) -> None:
    recipient = keys.recipient(tmp_path / "keys")
    assert (tmp_path / "keys" / keys.PRIVATE).stat().st_mode & 0o077 == 0
    assert str(pyrage.x25519.Identity.from_str(keys.private(tmp_path / "keys")).to_public()) == recipient
    (tmp_path / "keys" / keys.PRIVATE).unlink()
    assert keys.recipient(tmp_path / "keys") == recipient
    with pytest.raises(SecretsError, match="is not there"):
        keys.private(tmp_path / "keys")


def test_a_new_key_in_a_folder_that_should_have_one_is_told(tmp_path: Path) -> None:
    assert not keys.has_any(tmp_path / "not-mounted")
    keys.recipient(tmp_path)
    assert keys.has_any(tmp_path)


def test_a_private_key_that_lies_there_alone_is_never_replaced(tmp_path: Path) -> None:
    """It was, and every archive of before with it."""
    recipient = keys.recipient(tmp_path)
    kept = keys.private(tmp_path)
    (tmp_path / keys.PUBLIC).unlink()
    assert keys.recipient(tmp_path) == recipient
    assert keys.private(tmp_path) == kept


def test_a_key_as_age_itself_writes_it_opens_and_one_that_is_none_is_named(tmp_path: Path) -> None:
    local_keys.write_private(tmp_path / keys.PRIVATE, f"# created: 2026-11-27\n# public key: …\n{KEY}\n")
    assert keys.private(tmp_path) == str(KEY)
    assert keys.recipient(tmp_path) == str(KEY.to_public())
    local_keys.write_private(tmp_path / keys.PRIVATE, "mistyped\n")
    with pytest.raises(SecretsError, match=f"{keys.PRIVATE} holds no private key.*expected.*AGE-SECRET-KEY-1"):
        keys.private(tmp_path)
    local_keys.write_private(tmp_path / keys.PUBLIC, "mistyped\n")
    with pytest.raises(SecretsError, match=rf"{keys.PUBLIC} holds no public key.*expected.*age1"):
        keys.recipient(tmp_path)


def test_each_backup_has_the_secrets_and_heads_of_its_own_time(tmp_path: Path) -> None:
    var, folder = tmp_path / "var", tmp_path / "keys"
    (var / keys.HEADS).mkdir(parents=True)
    for name in ("first", "second"):
        (var / local_keys.FILE).write_text(f"INTAKE_MASTER_KEY={name}\n", "utf-8")
        (var / keys.HEADS / "intake.heads").write_text(name, "utf-8")
        keys.recipient(folder)
        keys.save(folder, var, name)
    other = tmp_path / "other"
    other.mkdir()
    keys.give_back_secrets(folder, other, "first")
    assert local_keys.read(other / local_keys.FILE) == {"INTAKE_MASTER_KEY": "first"}
    assert not (other / keys.HEADS).exists(), "not before the store is back"
    keys.give_back_heads(folder, other, "first")
    assert (other / keys.HEADS / "intake.heads").read_text("utf-8") == "first"
    with pytest.raises(SecretsError, match="other keys"):
        keys.give_back_secrets(folder, other, "second")


@pytest.mark.parametrize("ends", [ArchiveError("the disk is full"), SystemExit(143)])
def test_a_backup_that_failed_leaves_no_secrets(
    ends: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside no archive nobody would remove them: a key that is rotated later would stay there for ever."""
    var, folder = tmp_path / "var", tmp_path / "keys"
    local_keys.ensure(var)

    async def taken(*_: object, **__: object) -> None:
        (saved,) = folder.glob(f"ieum-*/{local_keys.FILE}")
        assert saved.read_bytes() == (var / local_keys.FILE).read_bytes()
        raise ends

    monkeypatch.setenv("IEUM_VAR_DIR", str(var))
    monkeypatch.setattr(RunFolder, "read", lambda _: object())
    monkeypatch.setattr(taking, "take", taken)
    given = ["backup", "take", "--to", str(tmp_path / "archives"), "--keys", str(folder)]
    if isinstance(ends, SystemExit):  # told to end, as by a scheduler
        assert main(given) == 143
    else:
        assert main(given) == REFUSED
    assert sorted(path.name for path in folder.iterdir()) == [keys.PRIVATE, keys.PUBLIC]


@pytest.mark.parametrize("ends", [OSError("no room is left"), SystemExit(143)])
def test_secrets_that_were_not_all_saved_do_not_stay(
    ends: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the disk is full: nobody would remove a folder that no archive is named after."""
    var, folder = tmp_path / "var", tmp_path / "keys"
    local_keys.ensure(var)
    (var / keys.HEADS).mkdir()
    (var / keys.HEADS / "intake.heads").write_text("head", encoding="utf-8")
    write = local_keys.write_private

    def breaks_off(path: Path, text: str) -> None:
        if path.parent.name == keys.HEADS:
            raise ends
        write(path, text)

    folder.mkdir()
    killed = folder / "ieum-before.saving"
    killed.mkdir()
    (killed / local_keys.FILE).touch()
    with monkeypatch.context() as patch:
        patch.setattr(local_keys, "write_private", breaks_off)
        with pytest.raises(type(ends)):
            keys.save(folder, var, "ieum-now")
    assert list(folder.iterdir()) == []
    keys.save(folder, var, "ieum-now")
    assert [path.name for path in folder.iterdir()] == ["ieum-now"]
    assert (folder / "ieum-now" / keys.HEADS / "intake.heads").read_text(encoding="utf-8") == "head"
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*"))


def test_a_backup_names_the_archives_in_which_erased_reports_live_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody else does: an erasure is complete when the last archive from before it is gone (decision 9)."""
    to, now = tmp_path / "archives", datetime.now(UTC)
    to.mkdir()

    async def taken(*_: object, **__: object) -> taking.Backup:
        made = to / f"{taking.name_at(now)}{archive.SUFFIX}"
        made.touch()
        return taking.Backup(made, {"backup": "one", "parts": {}, "left_out": {}})

    monkeypatch.setenv("IEUM_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setattr(RunFolder, "read", lambda _: object())
    monkeypatch.setattr(taking, "take", taken)
    kept, old = (f"{taking.name_at(now - timedelta(days=days))}{archive.SUFFIX}" for days in (29, 31))
    (to / kept).touch()
    given = ["backup", "take", "--to", str(to), "--keys"]
    assert main([*given, str(tmp_path / "keys")]) == 0
    assert "Older than" not in capsys.readouterr().out
    (to / old).touch()
    assert main([*given, str(tmp_path / "others")]) == 0
    told = capsys.readouterr().out
    assert f"Older than 30 days: {old}. What was erased since lives in them: remove each" in told
    assert kept not in told


def test_heads_take_the_place_of_none_that_were_put_aside_before(tmp_path: Path) -> None:
    """Some of those may have been removed or taken back: their numbers have gaps."""
    var, saved = tmp_path / "var", tmp_path / "keys" / "one" / keys.HEADS
    for folder in (saved, var / keys.HEADS, var / "audit-before-restore-2"):
        folder.mkdir(parents=True)
        (folder / "intake.heads").write_text(folder.name, encoding="utf-8")
    keys.give_back_heads(tmp_path / "keys", var, "one")
    kept = {path.parent.name for path in var.glob("*/intake.heads")}
    assert kept == {keys.HEADS, "audit-before-restore-1", "audit-before-restore-2"}


def test_a_register_that_is_not_where_it_is_said_to_be_restores_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IEUM_VAR_DIR", str(tmp_path / "var"))
    given = ["restore", "--keys", str(tmp_path), "--register", str(tmp_path), str(tmp_path / "no-archive")]
    assert main(given) == REFUSED
    assert "no erasure register" in capsys.readouterr().err


def left(report: int, version: int) -> ReportMessageLeft:
    return ReportMessageLeft(report_id=make.report_id(report), intake_version=version, left_at=NOW)


def updated(report: int, intake_version: int, cause: str | None = None) -> ReportUpdated:
    said = {"kind": "report", "event_id": cause} if cause else {"kind": "center_closed"}
    return ReportUpdated.model_validate(
        {
            "report_id": make.report_id(report),
            "version": 2,
            "ownership": 1,
            "intake_version": intake_version,
            "cause": said,
            "decided_at": NOW,
            "kind": "message_left",
            "center_id": "busan",
            "facts": make.facts(),
        }
    )


def records(*events: Any) -> Iterator[RawRecord]:
    source = {REPORTS.name: "intake", ROUTINGS.name: "routing"}
    for offset, event in enumerate(events):
        made = encode(event, source=source[event.TOPIC], time=NOW + timedelta(seconds=offset), traceparent="")
        yield RawRecord(event.TOPIC, 0, offset, 0, made.key.encode(), made.value, made.headers)


def known(**versions: int) -> Known:
    found = Known()
    for name, version in versions.items():
        found.add(REPORTS, make.report_id(int(name[1:])), version)
    return found


def test_a_partition_ends_before_the_first_record_that_its_writer_does_not_know() -> None:
    cut = Cut(known(r1=2, r2=3), {})
    kept = [cut.keeps(record) for record in records(left(1, 1), left(2, 3), left(1, 3), left(2, 2))]
    assert kept == [True, True, False, False]
    assert (cut.ends, cut.left_out) == ({("reports", 0): 2}, {("reports", 0): 2})


def test_what_stood_there_before_the_snapshot_is_kept_whatever_the_store_says() -> None:
    cut = Cut(known(), {("reports", 0): 2})
    assert [cut.keeps(record) for record in records(left(1, 1), left(2, 1), left(3, 1))] == [True, True, False]


def test_routings_fall_with_what_they_follow_from() -> None:
    cut = Cut(known(r1=1, r2=1), {})
    reports = list(records(left(1, 1), left(2, 2)))
    gone = next(value.decode() for name, value in reports[1].headers if name == "ce_id" and value)
    assert [cut.keeps(record) for record in reports] == [True, False]
    for last in (updated(2, 2, "an-event"), updated(1, 1, gone)):
        cut.ends.pop(("routings", 0), None)
        assert [cut.keeps(record) for record in records(updated(1, 1, "an-event"), last)] == [True, False]


@pytest.mark.parametrize(
    ("part", "document"),
    [
        ("store/notify/cases", {"_id": make.report_id(1), "version": 2, "case_version": 1, "alert_version": 1}),
        (
            "store/intake/reports",
            {"_id": make.report_id(1), "intake_version": 1, "progress": {"ownership": {"version": 2}}},
        ),
        ("store/analytics/offsets_3", {"_id": "0", "next": {"routings": 1, "reports": 0}}),
    ],
)
def test_a_move_that_a_reader_knows_is_kept_though_a_center_may_have_closed_since(
    part: str, document: dict[str, Any]
) -> None:
    moved, other = records(updated(1, 1), updated(2, 1))
    for told in (False, True):
        cut = Cut(known(r1=1, r2=1), {})
        cut.ends["centers", 0] = 0  # another centre closed since
        if told:
            stores.learn(cut.known, part, document)
        assert cut.keeps(moved) is told
        assert not cut.keeps(other)


def test_an_unreadable_record_is_kept_and_a_dead_letter_falls_with_its_record() -> None:
    cut = Cut(known(r1=1), {})
    assert cut.keeps(RawRecord("reports", 0, 0, 0, b"k", b"nonsense", ()))
    assert not cut.keeps(next(records(left(1, 2))))
    for offset, stays in ((b"0", True), (b"1", True)):
        cut.ends["reports", 0] = 2
        assert cut.keeps_letter(0, [("dead_topic", b"reports"), ("dead_offset", offset)]) is stays
    assert not cut.keeps_letter(0, [("dead_topic", b"reports"), ("dead_offset", b"2")])


def test_no_group_begins_behind_the_end_of_what_was_kept() -> None:
    assert topics.clamped({"routing": {"reports": {"0": 9, "1": 4}}}, {("reports", 0): 5, ("reports", 1): 8}) == {
        "routing": {"reports": {"0": 5, "1": 4}}
    }


def test_growth_is_what_a_report_takes_times_the_reports_of_a_year() -> None:
    sizes = {"store/intake/reports": 6000, "store/intake/links": 2000, "topic/reports/0": 300, "topic/reports/1": 100}
    rows = forecast.growth(sizes | {"offsets": 10**6}, 4, 100)
    assert [(row.name, row.bytes_per_report) for row in rows] == [("store intake", 2000), ("topic reports", 100)]
    assert rows[0].mb_a_year == pytest.approx(2000 * 100 * 365.25 / 1e6)
    year = 2100 * 100 * 365.25 / 1e9 * forecast.HEADROOM
    assert f"after 10 years: {10 * year:.1f} GB on one machine, {30 * year:.1f} GB with 3 copies" in forecast.table(
        rows, [10]
    )


@pytest.fixture
def restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], dict[str, int]]:
    """What a restore does, in order, and the exit status of each of its commands by its module."""
    done: list[str] = []
    statuses: dict[str, int] = {}

    class Engines:
        def __init__(self, *_: object, **__: object) -> None: ...

        def start(self) -> None: ...

        def stop(self) -> None: ...

        def administrator(self) -> None: ...

    async def load(*_: object) -> None:
        done.append("load")

    def command(_: object, __: str, *words: str) -> int:
        done.append(" ".join(words[:2]))
        # Only so does it run in a store that nothing may serve yet.
        assert words[1] != "rotate-signing" or words[2:] == ("--at-once", "--restored")
        return statuses.get(" ".join(words[:2]), 0)

    monkeypatch.setenv("IEUM_VAR_DIR", str(tmp_path))
    local_keys.ensure(tmp_path)
    monkeypatch.setattr(backup, "Stack", Engines)
    monkeypatch.setattr(backup, "_command", command)
    monkeypatch.setattr(backup, "store_settings", lambda _: None)
    monkeypatch.setattr(keys, "private", lambda _: "")
    manifest = {"backup": "one", "parts": {}, "left_out": {}}
    monkeypatch.setattr(archive, "verified", lambda *_: manifest)
    monkeypatch.setattr(restoring, "load", load)
    for name in ("mark_replayed", "finish"):
        monkeypatch.setattr(restoring, name, lambda _, name=name: done.append(name))
    return done, statuses


NOTED, REPLAY = "audit restored", "replay erasures"


def test_a_restore_says_how_to_start_what_it_restored_and_nothing_else(
    tmp_path: Path,
    restored: tuple[list[str], dict[str, int]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """On another machine `ieum up` alone would start an empty installation, which takes reports."""
    del restored
    assert main(["restore", str(tmp_path / "a"), "--keys", str(tmp_path), "--without-register"]) == 0
    assert f"start it with `IEUM_VAR_DIR={tmp_path} ieum up`" in capsys.readouterr().out


def test_what_a_restore_lost_is_noted_before_anything_writes_to_an_audit(
    tmp_path: Path, restored: tuple[list[str], dict[str, int]]
) -> None:
    done, _ = restored
    assert main(["restore", str(tmp_path / "a"), "--keys", str(tmp_path), "--without-register"]) == 0
    assert done == [
        "load",
        NOTED,
        REPLAY,
        "mark_replayed",
        "keys rotate-signing",
        "audit verify",
        "finish",
    ]


@pytest.mark.parametrize(
    ("command", "status", "ended", "told"),
    [
        (NOTED, 1, ["load", NOTED], "restore again"),
        (REPLAY, 75, ["load", NOTED, REPLAY], "restore again"),
        (REPLAY, 1, ["load", NOTED, REPLAY], "restore again"),  # an error that nobody caught
        (REPLAY, -signal.SIGKILL, ["load", NOTED, REPLAY], "restore again"),
        (REPLAY, backup.SOME_LEFT, ["load", NOTED, REPLAY, "mark_replayed"], "run `ieum backup open`"),
    ],
)
def test_a_restore_that_did_not_make_erasures_again_cannot_be_opened(
    command: str,
    status: int,
    ended: list[str],
    told: str,
    tmp_path: Path,
    restored: tuple[list[str], dict[str, int]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Who took their report back since would be contacted again; only reports that were named may be left."""
    done, statuses = restored
    statuses[command] = status
    given = ["restore", str(tmp_path / "a"), "--keys", str(tmp_path), "--without-register"]
    assert main(given) == backup.NOT_OPENED
    assert done == ended
    assert told in capsys.readouterr().err


def test_a_restore_that_has_not_the_services_keys_begins_nothing_and_makes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With new ones nothing that is restored could be read: the audit, erasures, second factors, reports."""
    var = tmp_path / "var"

    def begun(*_: object, **__: object) -> None:
        raise AssertionError("it was begun")

    monkeypatch.setenv("IEUM_VAR_DIR", str(var))
    monkeypatch.setattr(backup, "Stack", begun)
    monkeypatch.setattr(keys, "private", lambda _: "")
    monkeypatch.setattr(archive, "verified", lambda *_: {"backup": "one"})
    for command in (
        ["restore", str(tmp_path / "a"), "--keys", str(tmp_path), "--without-register"],
        ["backup", "open"],
    ):
        assert main(command) == REFUSED
        told = capsys.readouterr().err
        assert f"write them to {var / local_keys.FILE}" in told
        assert "INTAKE_MASTER_KEY" in told
    assert not var.exists()
    made = local_keys.ensure(tmp_path / "elsewhere")
    for lacking in ("INTAKE_MASTER_KEY", local_keys.VERIFIER):
        some = {name: value for name, value in made.items() if name != lacking}
        local_keys.write(var, some)
        assert main(["backup", "open"]) == REFUSED
        assert lacking in capsys.readouterr().err
        assert local_keys.read(var / local_keys.FILE) == some
    (var / local_keys.FILE).unlink()
    for name, value in made.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(AssertionError, match="begun"):
        main(["backup", "open"])


def test_a_backup_of_engines_elsewhere_makes_no_keys_that_a_restore_would_take_for_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IEUM_VAR_DIR", str(tmp_path))
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "broker-1:9092")
    monkeypatch.setenv("MONGODB_URI", "mongodb://store/")
    found = beside.environment_of("backup", LocalSettings())
    assert found["KAFKA_BOOTSTRAP_SERVERS"] == "broker-1:9092"
    assert not list(tmp_path.iterdir())
