"""The launcher where its disk is full: nothing ends because a line or a state could not be written."""

import errno
import io
import shutil
import signal
import sys
from pathlib import Path
from queue import SimpleQueue

import pytest

from tests.support.waiting import eventually_blocking
from tools.backup import commands as backup
from tools.local import cli, stack
from tools.local.settings import LocalSettings
from tools.local.stack import Stack
from tools.local.state import State

THIRD = 3
NO_ROOM = OSError(errno.ENOSPC, "No space left on device")


class Full(io.StringIO):
    """A log on a full disk."""

    def flush(self) -> None:
        raise NO_ROOM


def test_a_line_that_cannot_be_written_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Full())
    cli.say("one ended with status 70; starting it again in 0.2 s")
    backup._say("kafka stopped in 1.2 s")


def test_the_state_is_written_again_once_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ieum status` and the doctor read it: one of before would call dead processes ready for ever."""
    said: list[str] = []
    tried: list[State] = []
    written: list[State] = []
    launcher = Stack(LocalSettings(var_dir=tmp_path, secured=False), say=said.append)
    state = State(1, "up", "now")

    def write(found: State) -> None:
        tried.append(found)
        if len(tried) < THIRD:
            raise NO_ROOM
        written.append(found)

    monkeypatch.setattr(stack, "_STATE_EVERY_S", 0.01)
    monkeypatch.setattr(launcher, "state", lambda _: state)
    monkeypatch.setattr(launcher.run_folder, "write", write)
    launcher._reporter.start()
    try:
        eventually_blocking(lambda: bool(written), "a state")
    finally:
        launcher._ended.set()
        launcher._reporter.join()
    assert len(said) == 1, "it is said once, not every two seconds"
    assert "No space left on device" in said[0]


def test_secrets_that_cannot_be_taken_end_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the launcher everything else would end, and the file is there to be mended."""
    asked: SimpleQueue[None] = SimpleQueue()
    tried: list[str] = []

    class Running(Stack):
        def renew_secrets(self) -> None:
            tried.append("renewed")
            if len(tried) == 1:
                raise NO_ROOM
            raise cli.Stopped

    monkeypatch.setattr(cli, "SimpleQueue", lambda: asked)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for _ in range(THIRD):
        asked.put(None)
    with pytest.raises(cli.Stopped):
        cli.stay(Running(LocalSettings(secured=False)))
    assert "not taken: OSError: [Errno 28] No space left on device" in capsys.readouterr().out


def test_a_start_without_room_says_so_before_engines_end_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for free, told in ((cli.ROOM_MB, False), (cli.ROOM_MB - 1, True)):
        usage = shutil.disk_usage(tmp_path)._replace(free=free * 1_000_000)
        monkeypatch.setattr(shutil, "disk_usage", lambda _, usage=usage: usage)
        cli.say_room(tmp_path)
        assert (f"the disk of {tmp_path} has" in capsys.readouterr().out) is told


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.EACCES, "no right to /srv/ieum:"), (errno.EROFS, "no right to"), (errno.ENOSPC, "no room on the disk of")],
)
def test_a_folder_without_rights_or_room_is_one_line(
    number: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> None:
        raise OSError(number, "", "/srv/ieum")

    assert cli.guarded(refused) == 1
    said = capsys.readouterr().err
    assert said.startswith(says)
    assert said.count("\n") == 1


def test_another_error_of_the_system_is_not_taken_for_one_of_the_disk() -> None:
    def refused() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with pytest.raises(OSError, match="Too many"):
        cli.guarded(refused)
