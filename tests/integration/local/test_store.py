"""The store on this machine: killed at any moment of its first start, or out of disk, it starts again."""

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pymongo import MongoClient

from services.intake.submissions.batch_insert import GroupCommit
from shared.clock import SystemClock
from shared.errors import TransientError
from shared.mongo import connect
from shared.settings import StoreSettings
from tests.support.waiting import eventually
from tools.local import ports, processes
from tools.local.store import LocalStore

_TABLES = 16


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store", ports.free_port())


@pytest.fixture
def running(store: LocalStore) -> Iterator["_Running"]:
    running = _Running(store)
    yield running
    running.kill()


class _Running:
    def __init__(self, store: LocalStore) -> None:
        self._store = store
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._store.prepare()
        folder = self._store.folder
        environment = processes.base_environment()
        self._child = processes.start(self._store.command(), log=folder.parent / "log", env=environment, cwd=folder)

    def kill(self) -> None:
        if self._child is not None:
            processes.kill(self._child)

    def fill_disk(self) -> None:
        """No file may be written any more; needs no root, unlike a small file system."""
        assert self._child is not None
        resource.prlimit(self._child.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def ended(self) -> bool:
        return self._child is None or self._child.poll() is not None


async def test_it_answers_with_every_table_made_and_records_no_changes(store: LocalStore, running: _Running) -> None:
    running.start()
    await eventually(store.answers)
    assert len(list((store.folder / "data").glob("secantus_documents_sh*.wt"))) == _TABLES
    client: MongoClient[dict[str, object]] = MongoClient(store.uri)
    with client:
        assert not set(client.list_database_names()) - {"admin", "config", "local"}
        assert list(client.local["oplog.rs"].find()) == [], "what is erased would stand there for another hour"


async def test_a_first_start_that_was_cut_off_is_begun_again(store: LocalStore, running: _Running) -> None:
    running.start()
    await eventually((store.folder / "data" / "WiredTiger.wt").exists)
    running.kill()
    torn = store.folder / "data" / "WiredTiger.turtle"
    torn.write_text("")
    running.start()
    await eventually(store.answers)


async def test_a_full_disk_takes_nothing_ends_it_and_loses_nothing(store: LocalStore, running: _Running) -> None:
    running.start()
    await eventually(store.answers)
    database = connect(StoreSettings(uri=SecretStr(store.uri), call_timeout_s=10.0), "intake")
    commit = GroupCommit(database["reports"], SystemClock(), waiting=100)
    commit.open()
    assert (await commit.store({"_id": "before"})).inserted

    running.fill_disk()

    async def refused_and_ended() -> bool:
        with pytest.raises(TransientError):  # the API's 503
            await commit.store({"_id": "during"})
        return running.ended()

    await eventually(refused_and_ended)

    running.start()
    await eventually(store.answers)
    assert (await commit.store({"_id": "after"})).inserted
    kept = {document["_id"] async for document in database["reports"].find()}
    assert {"before", "after"} <= kept
    database.client.close()
