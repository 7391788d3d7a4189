"""Everything a user could ask of the store is tried: granted is what the table says, and nothing else."""

import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import quote_plus

import psutil
import pytest
from pydantic import SecretStr
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from shared import mongo
from shared.audit.chain import AuditKeys
from shared.audit.model import SERVICES as AUDITED
from shared.audit.model import SYSTEM, AuditEntry
from shared.audit.store import AuditLog
from shared.clock import SystemClock
from shared.errors import TransientError
from shared.settings import StoreSettings
from shared.store_access import DATABASES, USERS
from tools.local.certificates import ADMIN, Certificates
from tools.local.engines import Engines

pytestmark = pytest.mark.engines
PREFIX = StoreSettings.model_fields["database_prefix"].default
NAMES = [user.name for user in USERS]
READS = {"find", "list", "indexes", "watch", "lookup"}
WRITES = {"insert", "update", "delete", "create", "index", "drop", "out", "merge", "transaction"}
UNAUTHORIZED, NO_LOGIN = 13, 18
MILLISECONDS = 60_000
Client = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def administrator(secured: Engines) -> Iterator[Client]:
    """Every database with a document in it, as its service would have one."""
    with connected(secured.mongodb) as client:
        for name in DATABASES:
            client[f"{PREFIX}{name}"].kept.insert_one({"_id": "one", "of": name})
        yield client


def connected(uri: str) -> Client:
    return MongoClient(uri, serverSelectionTimeoutMS=MILLISECONDS)


def refused(ask: Callable[[], object]) -> bool:
    """Whether it is refused; whatever else goes wrong is a mistake of this test."""
    try:
        ask()
    except OperationFailure as error:
        if error.code != UNAUTHORIZED:
            raise
        return True
    return False


def granted(client: Client, own: str, name: str) -> set[str]:
    """What can be done to a database."""
    of = client[f"{PREFIX}{name}"]
    mine = client[f"{PREFIX}{own}"].kept

    def transaction() -> None:
        with client.start_session() as session, session.start_transaction():
            of.kept.insert_one({}, session=session)

    asked: dict[str, Callable[[], object]] = {
        "find": of.kept.find_one,
        "list": of.list_collection_names,
        "indexes": of.kept.index_information,
        "watch": lambda: of.watch().close(),
        "lookup": lambda: list(of.kept.aggregate([{"$lookup": {"from": "kept", "pipeline": [], "as": "all"}}])),
        "insert": lambda: of.kept.insert_one({}),
        "update": lambda: of.kept.update_one({"_id": "one"}, {"$set": {"by": own}}),
        "delete": lambda: of.kept.delete_many({"_id": {"$ne": "one"}}),
        "create": lambda: of.create_collection("made"),
        "index": lambda: of.kept.create_index("of"),
        "out": lambda: mine.aggregate([{"$out": {"db": of.name, "coll": "made"}}]),
        "merge": lambda: mine.aggregate([{"$merge": {"into": {"db": of.name, "coll": "made"}}}]),
        "transaction": transaction,
        "drop": lambda: of.drop_collection("made"),
    }
    return {word for word, ask in asked.items() if not refused(ask)}


@pytest.mark.parametrize("name", NAMES)
def test_a_user_may_do_what_the_table_says_and_nothing_else(name: str, secured: Engines, administrator: Client) -> None:
    (user,) = (user for user in USERS if user.name == name)
    others: dict[str, set[str]] = {other: set() for other in (*NAMES, "of_nobody")}
    own = {name: READS | WRITES} if user.keeps else {}
    wanted = {**others, **dict.fromkeys(user.reads, set() if user.finds else READS), **own}
    with connected(secured.store.uri_of(name)) as client:
        assert {other: granted(client, name, other) for other in others} == wanted
        assert all(refused(ask) for ask in of_the_administrator(client, name)), "rights, users, the machine"
    kept = {other: administrator[f"{PREFIX}{other}"].kept.find_one("one") for other in DATABASES}
    assert all(found is not None and found.get("by", other) == other for other, found in kept.items())


def ways_to_read(of: Database[dict[str, Any]], name: str) -> list[Callable[[], object]]:
    """Of a collection, also beside one that may be read."""
    return [
        of[name].find_one,
        lambda: of[name].count_documents({}),
        lambda: of[name].distinct("_id"),
        lambda: list(of[name].aggregate([])),
        lambda: list(of.audit.aggregate([{"$lookup": {"from": name, "pipeline": [], "as": "all"}}])),
        lambda: list(of.audit.aggregate([{"$unionWith": name}])),
        lambda: of.command("explain", {"find": name}),
        lambda: of[name].watch().close(),
    ]


def test_the_verifier_reads_the_audits_and_counts_what_is_never_there_without_one(
    secured: Engines, administrator: Client
) -> None:
    """It is proven by a process outside the services: who steals its password must not read a report."""
    for name in AUDITED:
        for other in ("reports", "accounts", "redrives", "drafts", "kept"):
            administrator[f"{PREFIX}{name}"][other].replace_one({"_id": "secret"}, {"_id": "secret"}, upsert=True)
    with connected(secured.store.uri_of("verifier")) as client:
        for name in AUDITED:
            of = client[f"{PREFIX}{name}"]
            for own in ("audit", "audit_anchors", "register"):
                of[own].find_one()
            for counted in ("reports", "accounts", "redrives"):
                assert of.command("collStats", counted)["count"] > 0
            for other in ("reports", "accounts", "redrives", "drafts", "kept"):
                ways = ways_to_read(of, other)
                assert [refused(way) for way in ways] == [True] * len(ways), (name, other)
            assert refused(partial(of.command, "collStats", "drafts"))
            assert refused(of.list_collection_names)


async def test_the_verifier_proves_audits_and_adds_no_line(secured: Engines, administrator: Client) -> None:
    def log_of(service: str, user: str) -> AuditLog:
        settings = StoreSettings(uri=SecretStr(secured.store.uri_of(user)))
        return AuditLog(mongo.connect(settings, service), AuditKeys(b"k" * 32), SystemClock(), service, None)

    entry = AuditEntry(at=SystemClock().now(), action="drill", where="here", actor=SYSTEM)
    for service in AUDITED:
        await log_of(service, service).append(entry)
        own = log_of(service, "verifier")
        assert await own.verify() == [], service
        with pytest.raises((TransientError, OperationFailure)):
            await own.append(entry)
        assert (await own.end())[0] == 1, service
    administrator[f"{PREFIX}intake"].audit.delete_many({})
    administrator[f"{PREFIX}intake"].audit_anchors.delete_many({})
    administrator[f"{PREFIX}intake"].reports.insert_one({})
    assert [finding.kind for finding in await log_of("intake", "verifier").verify()] == ["emptied"]


def of_the_administrator(client: Client, name: str) -> list[Callable[[], object]]:
    root = [{"role": "root", "db": "admin"}]
    admin, own, mine = client.admin, client[f"{PREFIX}{name}"], f"{PREFIX}{name}.kept"
    return [
        lambda: admin.command("createUser", "z", pwd="z", roles=root),
        lambda: own.command("createUser", "z", pwd="z", roles=root),
        lambda: admin.command("updateUser", name, roles=root),
        lambda: admin.command("grantRolesToUser", name, roles=root),
        lambda: own.command("createRole", "z", privileges=[], roles=root),
        lambda: admin.command("dropUser", "intake"),
        lambda: admin.command("usersInfo", 1),
        lambda: list(admin["system.users"].find()),
        lambda: list(client.local["oplog.rs"].find()),
        client.list_database_names,
        lambda: client.drop_database(own.name),
        lambda: admin.command("serverStatus"),
        lambda: admin.command("getLog", "global"),
        lambda: admin.command("setParameter", 1, ttlMonitorEnabled=False),
        lambda: admin.command("renameCollection", mine, to=f"{PREFIX}stolen.kept"),
        lambda: admin.command("bulkWrite", 1, ops=[{"insert": 0, "document": {}}], nsInfo=[{"ns": mine}]),
        lambda: own.command("create", "view", viewOn="kept", pipeline=[{"$merge": {"into": "made"}}]),
        lambda: own.command("collMod", "kept", viewOn="kept", pipeline=[]),
        lambda: admin.command("killAllSessions", []),
        lambda: admin.command("replSetStepDown", 1, force=True),
        lambda: admin.command("secantusAdmin.backupArchive", 1),
    ]


def test_a_cursor_is_read_by_who_may_read_what_it_is_over(secured: Engines, administrator: Client) -> None:
    administrator[f"{PREFIX}intake"].many.insert_many([{} for _ in range(4)])
    opened = administrator[f"{PREFIX}intake"].command("find", "many", batchSize=2)["cursor"]["id"]
    for name, may in {"analytics": False, "intake": True}.items():
        with connected(secured.store.uri_of(name)) as client:
            more = partial(client[f"{PREFIX}intake"].command, "getMore", opened, collection="many")
            assert refused(more) is not may


def test_a_cursor_whose_number_is_known_can_be_ended_by_anybody(secured: Engines, administrator: Client) -> None:
    """Known, and said in docs/reference/store-rights.md. Fails when the store learns to refuse it."""
    administrator[f"{PREFIX}intake"].ending.insert_many([{} for _ in range(4)])
    opened = administrator[f"{PREFIX}intake"].command("find", "ending", batchSize=2)["cursor"]["id"]
    with connected(secured.store.uri_of("analytics")) as client:
        ended = client[f"{PREFIX}analytics"].command("killCursors", "ending", cursors=[opened])
    assert ended["cursorsKilled"] == [opened]


def test_nobody_is_let_in_without_credentials(secured: Engines, administrator: Client) -> None:
    assert secured.security is not None
    certificates = secured.security.certificates
    own = secured.store.uri_of("intake")
    password = quote_plus(secured.security.store_passwords()["intake"])
    anonymous = own.replace(f"intake:{password}@", "").replace("authMechanism=SCRAM-SHA-256&authSource=admin&", "")
    with connected(anonymous) as client:
        client.admin.command("ping")
        assert all(refused(client[f"{PREFIX}{name}"].kept.find_one) for name in DATABASES)
        for command in ("insert", "listDatabases", "createUser", "getLog", "hostInfo", "shutdown", "getMore"):
            with pytest.raises(OperationFailure):
                client.admin.command(command, 1)
    for wrong in (own.replace(password, "guessed"), own.replace("intake:", "intakes:")):
        with connected(wrong) as client, pytest.raises(OperationFailure) as raised:
            client.admin.command("ping")
        assert raised.value.code == NO_LOGIN
    stranger = Certificates(certificates.folder / "stranger")
    stranger.ensure()
    forged = secured.mongodb.replace(str(certificates.both(ADMIN)), str(stranger.both(ADMIN)))
    plain = f"mongodb://127.0.0.1:{secured.store.port}/?directConnection=true"
    elsewhere = own.replace(str(certificates.authority), str(stranger.authority))
    for uri in (forged, plain, elsewhere):
        with MongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=500) as client, pytest.raises(PyMongoError):
            client.admin.command("ping")


def test_a_client_that_says_nothing_keeps_nobody_else_out(secured: Engines, administrator: Client) -> None:
    with socket.create_connection(("127.0.0.1", secured.store.port)), connected(secured.mongodb) as client:
        assert client.admin.command("ping")["ok"] == 1


def test_the_store_listens_on_this_machine_and_this_port_alone(secured: Engines) -> None:
    process = psutil.Process(secured.pids["store"])
    listening = {(c.laddr.ip, c.laddr.port) for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN}
    assert listening == {("127.0.0.1", secured.store.port)}
