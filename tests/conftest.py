"""Fixtures every test may use: the real engines, and settings that keep one test's topics and databases apart."""

import asyncio
import contextlib
import gc
import importlib
import logging
import os
import sys
import threading
import uuid
from collections.abc import AsyncIterator, Coroutine, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import HealthCheck, settings
from pymongo import MongoClient
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # pytest-xdist says no types

from shared.kafka.admin import ensure_topics
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from tests.support import engine_settings
from tests.support.waiting import DEADLINE_S
from tests.tiers import is_quick, rank, unit_of_work
from tools.local.engines import EngineError, Engines, Running
from tools.local.jars import JarError
from tools.local.kafka import KafkaError
from tools.local.ports import PortTakenError
from tools.local.settings import AS_GIVEN
from tools.testing import shared_engines
from tools.testing.results import LEFT_OUT

ENGINE_ERRORS = (EngineError, JarError, KafkaError, PortTakenError)
"""Why an engine may be missing on this machine; the texts say which and what to do."""

os.environ[AS_GIVEN] = "1"
"""A command that a test runs has the settings it is given, not those of what `make up` started in this checkout."""

_ERROR_CHARACTERS = 1_000

_YOUNG_OBJECTS = 10_000
"""The collector runs after so many new objects; a service's after ten times as many (``shared.process``)."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not even import modules of which no test will run: each worker imports all that are left."""
    if not collection_path.match("test_*.py"):
        return None
    return _left_out(collection_path.relative_to(config.rootpath), config) or None


def _left_out(module: Path, config: pytest.Config) -> bool:
    marks, quick = config.getoption("markexpr"), is_quick(str(module))
    if marks == "thorough" and quick:
        return "thorough" not in (config.rootpath / module).read_text(encoding="utf-8")
    return marks == "not thorough" and not quick


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let each worker import another part of the modules first: what pytest makes of a module is then made once.

    In a clean clone all workers would otherwise rewrite the assertions of the same module at the same time.
    """
    config = session.config
    told = getattr(config, "workerinput", None)
    if told is None or config.args != ["tests"]:
        return
    gc.disable()
    number, workers = int(told["workerid"].removeprefix("gw")), told["workercount"]
    found = (path.relative_to(config.rootpath) for path in sorted(config.rootpath.glob("tests/**/test_*.py")))
    modules = [module for module in found if not _left_out(module, config)]
    for module in modules[number::workers]:
        with contextlib.suppress(Exception, pytest.skip.Exception):  # whatever is wrong with it, collection will say
            importlib.import_module(".".join(module.with_suffix("").parts))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Search no garbage among what is imported for as long as the process lives: that was a quarter of collecting.

    Nor while tests run, as in a service that has started; and then, too, search what is new less often than Python's
    default, which is for programs that keep little: both were a tenth of what tests do.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(_YOUNG_OBJECTS)
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the engines, and what `make test` leaves to `make test-all`; begin with what takes longest."""
    items.sort(key=lambda item: rank(item.nodeid.split("::")[0]))
    for item in items:
        if not is_quick(item.nodeid.split("::")[0]):
            item.add_marker("thorough")
        if {"engines", "own_engines"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("engines")


class ByUnitOfWork(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist says no types
    """Gives workers modules, or single tests of modules whose tests share nothing, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        """As pytest-xdist documents it for schedulers of one's own."""
        return unit_of_work(nodeid)


class EnginesOfTheRun:
    """With several workers (pytest-xdist), the process that starts them starts the engines that they share."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._started: Engines | None = None

    def pytest_xdist_setupnodes(self, config: pytest.Config) -> None:
        """Start them, unless some run already or only unit tests were asked for."""
        only_units = bool(config.args) and all("tests/unit" in argument for argument in config.args)
        if shared_engines.running() is not None or only_units:
            return
        try:
            self._started = Engines().start()
        except ENGINE_ERRORS as error:
            shared_engines.announce_missing(str(error))
        else:
            shared_engines.announce(self._started)

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: object) -> ByUnitOfWork | None:
        """Ours in place of pytest-xdist's own by module."""
        return ByUnitOfWork(config, log) if config.getoption("dist") == "loadscope" else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Name a failure and its error when it happens, not only at the end of a long run."""
        if report.failed:
            error = "\n".join(line for line in report.longreprtext.splitlines() if line.startswith("E "))
            sys.stderr.write(f"\nFAILED {report.nodeid} ({report.when})\n{error[:_ERROR_CHARACTERS]}\n")

    def pytest_unconfigure(self) -> None:
        """Stop what was started here."""
        if self._started is not None:
            self._started.stop()


def _without_a_stopwatch() -> None:
    """An example of hypothesis may take as long as the machine needs; CI's own profile says so too."""
    if settings.get_current_profile_name() == "default":
        settings.register_profile("ieum", deadline=None, suppress_health_check=[HealthCheck.too_slow])
        settings.load_profile("ieum")


def pytest_configure(config: pytest.Config) -> None:
    """The hooks above are for the process that starts workers, not for the workers."""
    _without_a_stopwatch()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(EnginesOfTheRun())


@pytest.fixture(autouse=True)
def logging_of_its_own() -> Iterator[None]:
    """A command that a test runs in this process configures logging; that must not reach the tests after it."""
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root = logging.getLogger()
        root.handlers[:] = [
            one for one in root.handlers if not isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
        ]
        root.setLevel(logging.WARNING)


@pytest.fixture(scope="session")
def engines() -> Iterator[Running]:
    """Kafka and the store of this test run: shared ones that already run, else started for this process."""
    shared = shared_engines.running()
    if shared is not None:
        yield shared
    else:
        yield from _engines_of_our_own()


@pytest.fixture(scope="module")
def own_engines() -> Iterator[Engines]:
    """Engines of this module alone, which its tests may kill."""
    yield from _engines_of_our_own()


def _engines_of_our_own() -> Iterator[Engines]:
    if reason := shared_engines.missing():
        pytest.skip(f"{LEFT_OUT}{reason}")
    started = Engines()
    try:
        try:
            started.start()
        except ENGINE_ERRORS as error:
            pytest.skip(f"{LEFT_OUT}{error}")
        yield started
    finally:
        started.stop()


@pytest.fixture
def unique() -> str:
    """A short name no other test has: letters and digits, starting with a letter."""
    return _new_name()


def _new_name() -> str:
    return f"t{uuid.uuid4().hex[:10]}"


@pytest.fixture
def bus_settings(engines: Running, unique: str) -> Iterator[KafkaSettings]:
    """The bus, with topics and groups of this test alone; its topics are deleted afterwards."""
    with topics_of(engines, unique) as settings:
        yield settings


@pytest.fixture
async def publisher(bus_settings: KafkaSettings) -> AsyncIterator[Publisher]:
    """Writes to this test's topics, which are there."""
    await ensure_topics(bus_settings)
    publisher = Publisher(bus_settings)
    await publisher.start()
    yield publisher
    await publisher.stop()


@pytest.fixture
def store_settings(engines: Running, unique: str) -> Iterator[StoreSettings]:
    """The store, with databases of this test alone; they are dropped afterwards."""
    with databases_of(engines, unique) as settings:
        yield settings


@pytest.fixture(scope="module")
def shared_settings(engines: Running) -> Iterator[tuple[KafkaSettings, StoreSettings]]:
    """The same for a service that all tests of a module share."""
    name = _new_name()
    with topics_of(engines, name) as kafka, databases_of(engines, name) as store:
        yield kafka, store


@contextlib.contextmanager
def topics_of(engines: Running, name: str) -> Iterator[KafkaSettings]:
    """Settings for topics and groups whose names begin with this one; the topics are deleted afterwards."""
    settings = engine_settings.kafka_settings(engines, name)
    yield settings
    _in_thread(_delete_topics(settings))


@contextlib.contextmanager
def databases_of(engines: Running, name: str) -> Iterator[StoreSettings]:
    """Settings for databases whose names begin with this one; they are dropped afterwards."""
    settings = engine_settings.store_settings(engines, name)
    yield settings
    client: MongoClient[dict[str, object]] = MongoClient(engines.mongodb, serverSelectionTimeoutMS=DEADLINE_S * 1000)
    with client:
        for found in client.list_database_names():
            if found.startswith(settings.database_prefix):
                client.drop_database(found)


async def _delete_topics(settings: KafkaSettings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    try:
        mine = [name for name in await admin.list_topics() if name.startswith(settings.topic_prefix)]
        if mine:
            await admin.delete_topics(mine)
    finally:
        await admin.close()


def _in_thread(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run to the end in a thread with a loop of its own: the test's loop is not ours to use."""
    failures: list[BaseException] = []

    def work() -> None:
        try:
            asyncio.run(coroutine)
        except BaseException as error:  # handed over to the caller
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
