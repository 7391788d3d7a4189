"""The store on this machine: killed at any moment of its first start, it starts again."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

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


async def test_it_answers_only_with_every_table_made(store: LocalStore, running: _Running) -> None:
    running.start()
    await eventually(store.answers)
    assert len(list((store.folder / "data").glob("secantus_documents_sh*.wt"))) == _TABLES
    client: MongoClient[dict[str, object]] = MongoClient(store.uri)
    with client:
        assert not set(client.list_database_names()) - {"admin", "config", "local"}


async def test_a_first_start_that_was_cut_off_is_begun_again(store: LocalStore, running: _Running) -> None:
    running.start()
    await eventually((store.folder / "data" / "WiredTiger.wt").exists)
    running.kill()
    torn = store.folder / "data" / "WiredTiger.turtle"
    torn.write_text("")
    running.start()
    await eventually(store.answers)
