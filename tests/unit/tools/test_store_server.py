"""What the embedded store leaves open by itself, by version: a new one that leaves more, or less, is noticed here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.waiting import DEADLINE_S

# In a process of its own, as everything that runs inside the store: its licence is not ours.
ASK = """
import json, sys
from importlib.metadata import version
sys.path.insert(0, "tools/local")
import store_server
from secantus import commands, rbac
found = {"version": version("secantusdb"), "unchecked": sorted(store_server.unchecked())}
found["renames"] = commands._COMMAND_ACTIONS["renameCollection"][0]
found["unasked"] = "getMore" in commands._NO_PRIVILEGE_COMMANDS
role = {"privileges": [{"resource": {"db": "a", "collection": "b"}, "actions": ["find"]}]}
def finds(command, pipeline=None):
    commands._resource_for_command(next(iter(command)), command, "a")
    if pipeline is not None:
        commands._pipeline_secondary_requirements({"pipeline": pipeline}, "a")
    return rbac.check_privilege([{"role": "r", "db": "admin"}], "find", target_db="a", role_resolver=lambda *_: role)
found["collections"] = finds({"find": "c"})
store_server.close_gaps()
asked = {"find": "b"}, {"find": "c"}, {"explain": {"find": "c"}}, {"getMore": 1, "collection": "b"}
found["collections_now"] = [*map(finds, asked), finds({"aggregate": "b"}, [{"$unionWith": "c"}])]
found["left"] = sorted(store_server.unchecked())
found["renames_now"] = commands._COMMAND_ACTIONS["renameCollection"][0]
found["unasked_now"] = "getMore" in commands._NO_PRIVILEGE_COMMANDS
json.dump(found, sys.stdout)
"""


def test_the_gaps_of_the_store_are_those_that_are_closed_and_written_down() -> None:
    found = json.loads(subprocess.run([sys.executable, "-c", ASK], check=True, capture_output=True, text=True).stdout)
    assert found == {
        "version": "0.7.0b3",
        "unchecked": [
            "bulkWrite",
            "createSearchIndexes",
            "dropSearchIndex",
            "killAllSessions",
            "killAllSessionsByPattern",
            "killSessions",
            "replSetGetStatus",
            "replSetStepDown",
            "updateSearchIndex",
        ],
        "renames": "renameCollectionSameDB",
        "unasked": True,
        "collections": True,
        "collections_now": [True, False, False, True, False],
        "left": [],
        "renames_now": "fsync",
        "unasked_now": False,
    }


WRITE = """
import json, sys
sys.path.insert(0, "tools/local")
import store_server
from secantus import storage
reads, read = [], storage.Storage._iter_indexes
storage.Storage._iter_indexes = lambda self, db, coll: (reads.append(coll), read(self, db, coll))[1]
rows = store_server.Storage._stored_definitions
store_server.Storage._stored_definitions = lambda self, db, coll: (reads.append(coll), rows(self, db, coll))[1]
decoded = lambda: store_server._definitions.cache_info().misses
earlier = storage.Storage(sys.argv[1])
earlier.insert("d", "of_before", [{"_id": n} for n in range(5)])
found = {"records": [earlier._count_oplog_rows()]}
earlier.close()
commits, commit = [], storage._commit_batch_transaction
storage._commit_batch_transaction = lambda *args: (commits.append(1), commit(*args))[1]
store_server.SLICE = 2
store = (store_server if sys.argv[2] == "ours" else storage).Storage(sys.argv[1])
found["commits"] = len(commits)
store.create_collection("d", "c")
store.create_index("d", "c", "by_tag", {"tag": 1})
store.create_index("d", "c", "by_place", {"place": 1})
reads.clear()
store.insert("d", "c", [{"_id": n, "tag": n, "place": n} for n in range(50)])
found["insert"], found["decoded"] = len(reads), [decoded()]
reads.clear()
store.update_matching("d", "c", {"_id": 7}, {"$set": {"place": 70}})
found["update"] = len(reads)
found["decoded"].append(decoded())
reads.clear()
store.update_matching("d", "c", {"_id": {"$in": [1, 2, 3, 4]}}, {"$set": {"tag": ["a", "b"]}}, multi=True)
found["update_many"] = len(reads)
found["marked"] = sorted(store._multikey_index_names("d", "c"))
store.update_matching("d", "c", {"_id": 5}, {"$push": {"many": 1}})
store.create_index("d", "c", "late", {"many": 1})
store.update_matching("d", "c", {"_id": 6}, {"$set": {"many": [1, 2]}})
store.drop_index("d", "c", "by_place")
store.update_matching("d", "c", {"_id": 8}, {"$set": {"place": 80, "many": [2]}})
found["by_array"] = [sorted(d["_id"] for d in store.find_matching("d", "c", {"tag": v})) for v in ("a", 7)]
found["late"] = [sorted(d["_id"] for d in store.find_matching("d", "c", {"many": v})) for v in (1, 2)]
found["indexes"] = sorted(i["name"] for i in store.list_indexes("d", "c"))
# Definitions change in every way there is, between two writes and while one is under way.
by = lambda coll, **asked: sorted(d["_id"] for d in store.find_matching("d", coll, asked))
def refused(coll, *documents):
    return [one["index"] for one in store.insert("d", coll, [*documents], ordered=False)[1]]
store.insert("d", "c", [{"_id": "one", "alias": 1}, {"_id": "two", "alias": 2}])
store.create_index("d", "c", "alias", {"alias": 1}, {"sparse": True})
found["changes"] = [refused("c", {"_id": "three", "alias": 1})]
store.delete_matching("d", "c", {"_id": "three"})
store.set_index_options("d", "c", "alias", unique=True)
found["changes"].append(refused("c", {"_id": "three", "alias": 1}, {"_id": "four", "alias": 4}))
store.rename_collection("d", "c", "d", "moved")
found["changes"].append([refused("moved", {"_id": "five", "alias": 4}), by("moved", alias=4), by("c", alias=4)])
found["changes"].append([refused("c", {"_id": "five", "alias": 4}, {"_id": "six", "alias": 4}), by("c", alias=4)])
store.drop_collection("d", "c")
store.create_index("d", "c", "alias", {"alias": 1})
handle = store.begin_user_transaction()
with store.use_user_transaction(handle):
    store.insert("d", "c", [{"_id": "many", "alias": [8, 9]}])
    found["changes"].append([by("c", alias=8), sorted(store._multikey_index_names("d", "c"))])
store.abort_user_transaction(handle)
store.insert("d", "c", [{"_id": "some", "alias": [9, 10]}])
found["changes"].append([by("c", alias=8), by("c", alias=9), sorted(store._multikey_index_names("d", "c"))])
store.create_index("d", "c", "part", {"part.many": 1})
store.insert("d", "c", [{"_id": "deep", "part": {"many": [1, 2]}}])
found["changes"].append([by("c", **{"part.many": 2}), sorted(store._multikey_index_names("d", "c"))])
store.drop_all_indexes("d", "moved")
found["changes"].append([refused("moved", {"_id": "seven", "alias": 4}), by("moved", alias=4)])
found["records"].append(store._count_oplog_rows())
store.close()
json.dump(found, sys.stdout)
"""


def written(folder: Path, how: str, program: str = WRITE) -> Any:
    command = [sys.executable, "-c", program, str(folder / "data"), how]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_write_reads_the_definitions_of_indexes_once_and_finds_what_it_found_before(tmp_path: Path) -> None:
    alone, ours = written(tmp_path / "alone", "alone"), written(tmp_path / "ours", "ours")
    # If the store reads them once by itself, or keeps no record, what we change of it can go.
    assert (alone.pop("insert"), alone.pop("update"), alone.pop("update_many")) == (153, 7, 19)
    assert (ours.pop("insert"), ours.pop("update"), ours.pop("update_many")) == (1, 1, 2)
    assert (alone.pop("decoded"), ours.pop("decoded")) == ([0, 0], [1, 1])
    records = alone.pop("records")
    assert 0 < records[0] < records[1]
    assert ours.pop("records") == [records[0], 0]
    assert (alone.pop("commits"), ours.pop("commits")) == (0, -(-records[0] // 2)), "removed in slices"
    assert ours == alone
    assert ours["by_array"] == [[1, 2, 3, 4], [7]]
    assert ours["late"] == [[5, 6], [6, 8]]
    assert ours["changes"] == [
        [],
        [0],
        [[0], ["four"], []],
        [[], ["five", "six"]],
        [["many"], ["alias"]],
        [[], ["some"], ["alias"]],
        [["deep"], ["alias", "part"]],
        [[], ["four", "seven"]],
    ]


REWRITE = """
import json, random, sys, threading
from datetime import UTC, datetime
sys.path.insert(0, "tools/local")
import store_server
from secantus import storage
from secantus.update import UpdateError
left, delete = [0], storage.Storage._delete_index_entries
def counted(self, db, coll, doc, indexes, *more, **options):
    left[0] += 8 - len(indexes)
    return delete(self, db, coll, doc, indexes, *more, **options)
storage.Storage._delete_index_entries = counted
if sys.argv[2] == "ours":
    store_server.copy_documents_as_trees()
    store_server.pack_names_at_once()
    store_server.compare_texts_as_texts()
store = (store_server if sys.argv[2] == "ours" else storage).Storage(sys.argv[1])
store.create_collection("d", "c")
for name, key, options in [
    ("tag", {"tag": 1}, {}),
    ("both", {"tag": 1, "place": -1}, {}),
    ("sparse", {"since": 1}, {"sparse": True}),
    ("few", {"place": 1}, {"partialFilterExpression": {"urgent": True}}),
    ("late", {"place": 1}, {"partialFilterExpression": {"ladder.step": {"$gte": 2}}}),
    ("step", {"ladder.step": 1}, {}),
    ("alias", {"alias": 1}, {"unique": True}),
    ("again", {"since": 1, "alias": 1}, {"unique": True, "sparse": True}),
]:
    store.create_index("d", "c", name, key, options)
chance = random.Random(7)
values = [None, 0, 1, 1.0, -0.0, True, "a", "b", [1, 2], ["a"], {"step": 1}, {"step": 2}, {"step": [3, 1]}]
fields = ["tag", "place", "since", "urgent", "ladder", "alias", "other"]
store.insert("d", "c", [{"_id": n, "tag": n, "place": n, "alias": n, "ladder": {"step": n % 4}} for n in range(40)])
refused = 0
def change(one, update, **options):
    global refused
    try:
        store.update_matching("d", "c", one, update, **options)
    except (storage.IndexConflict, storage.DocumentTooLargeError, UpdateError):
        refused += 1
for _ in range(500):
    one = {"_id": chance.randrange(40)}
    match chance.randrange(9):
        case 0:
            change(one, {"$unset": {chance.choice(fields): ""}})
        case 1:
            change(one, {f: chance.choice(values) for f in chance.sample(fields, 4)} | {"alias": one["_id"]})
        case 2:
            change({"tag": chance.choice(values)}, {"$set": {"place": chance.choice(values)}}, multi=True)
        case 3 if chance.random() < 0.2:
            store.delete_matching("d", "c", one)
            store.insert("d", "c", [{**one, "alias": one["_id"], "tag": chance.choice(values)}])
        case 4 if chance.random() < 0.02:
            change(one, {"$set": {"place": "z", "other": "x" * 17_000_000}})
            store.delete_matching("d", "c", one)
        case 5:
            change(one, {"$set": {"alias": chance.randrange(40)}})
        case 6:
            change(one, {"$set": {"ladder.step": chance.randrange(4)}, "$push": {"other": {"at": chance.randrange(4)}}})
        case _:
            change(one, {"$set": {chance.choice(fields): chance.choice(values)}})
found = {"left": left[0]}
# What has expired goes outside of a write, on a thread of the store's own too, and after an update that was refused.
store.create_index("d", "c", "expiry", {"until": 1}, {"expireAfterSeconds": 0})
late = datetime(2026, 1, 1, tzinfo=UTC)
store.insert("d", "c", [{"_id": f"late {n}", "alias": f"late {n}", "tag": n, "until": late} for n in range(4)])
change({"_id": "late 0"}, {"$set": {"alias": "late 1", "tag": 9}})
change({"_id": "late 3"}, {"$set": {"until": None, "other": "x" * 17_000_000}})
sweep = lambda: expired.append(store.prune_ttl_all_collections())
expired = []
sweep()
store.insert("d", "c", [{"_id": "later", "alias": "later", "until": late}])
sweeper = threading.Thread(target=sweep)
sweeper.start()
sweeper.join()
found |= {"refused": refused, "expired": expired}
found["documents"] = [repr(document) for document in store.find_matching("d", "c", {})]
found["marked"] = sorted(store._multikey_index_names("d", "c"))
for table in (storage._IDX_ENTRIES_TABLE, storage._UNIQ_TABLE):
    cursor = store._session().open_cursor(table)
    found[table] = [repr([*entry]) for entry in cursor]
    cursor.close()
store.close()
json.dump(found, sys.stdout)
"""


def test_an_update_leaves_entries_of_indexes_it_does_not_concern_and_they_are_those_of_a_full_rewrite(
    tmp_path: Path,
) -> None:
    alone, ours = written(tmp_path / "alone", "alone", REWRITE), written(tmp_path / "ours", "ours", REWRITE)
    assert alone.pop("left") == 0, "it leaves them by itself: what we change of it can go"
    assert ours.pop("left") > 1_500
    assert alone["refused"] > 20
    assert alone["expired"] == [4, 1]
    assert len(alone["table:secantus_index_entries"]) > 100
    assert ours == alone


PACK = """
import json, random, sys
sys.path.insert(0, "tools/local")
import store_server
from secantus import storage
cursors = vars(sys.modules[storage.wt.Cursor.__module__])
stock = cursors["pack"], cursors["unpack"]
store_server.pack_names_at_once()
ours = cursors["pack"], cursors["unpack"]
chance = random.Random(7)
names = ["", "intake", "접수", "a\\0b", "\\0", b"bytes"]
numbers = [0, 1, -1, 63, 64, -64, -65, 8255, 8256, 8257, -8256, -8257, 2**31, 2**63 - 1, -(2**63)]
last = {"u": [b"", b"x", b"\\0", b"a\\0b\\0\\0", "text"], "q": numbers, "": [None], "uS": [b"\\0z"], "x": [None]}
def tried(how, *values):
    try:
        return repr(how(*values))
    except Exception as error:
        return type(error).__name__
compared, differ = 0, []
for form in ("S", "SS", "SSS", "SSSu", "SSu", "SSq", "u", "q", "SuS", "SSx", "2S", "", "qq", "SS4u"):
    for _ in range(300):
        values = [chance.choice(numbers if one == "q" else last["u"] if one == "u" else names) for one in form]
        values = values[: chance.choice([len(form)] * 9 + [1])]
        made = [tried(pack, form, *values) for pack in (stock[0], ours[0])]
        compared += 1
        if made[0] != made[1]:
            differ.append([form, repr(values), *made])
        for stored in (eval(made[0]) if made[0].startswith("b") else b"", chance.randbytes(12), None):
            read = [tried(unpack, form, stored) for unpack in (stock[1], ours[1])]
            if read[0] != read[1]:
                differ.append([form, repr(stored), *read])
json.dump({"compared": compared, "differ": differ[:5]}, sys.stdout)
"""


def test_keys_and_values_are_packed_and_unpacked_as_the_engine_does_it(tmp_path: Path) -> None:
    assert written(tmp_path, "ours", PACK) == {"compared": 4_200, "differ": []}


FIND = """
import json, random, sys
sys.path.insert(0, "tools/local")
import store_server
from secantus import query, storage
ours = sys.argv[2] == "ours"
if ours:
    store_server.compare_texts_as_texts()
store = (store_server if ours else storage).Storage(sys.argv[1])
reads, cursor = [], storage.Storage._cursor
def opened(self, table, **options):
    reads.append(table)
    return cursor(self, table, **options)
storage.Storage._cursor = opened
for name, key, options in [
    ("rev", {"rev": 1}, {}),
    ("place", {"place": 1, "rev": 1}, {}),
    ("sparse", {"since": 1}, {"sparse": True}),
    ("few", {"rev": 1}, {"partialFilterExpression": {"urgent": True}}),
    ("own", {"_id": 1, "rev": 1}, {"partialFilterExpression": {"urgent": True}}),
]:
    store.create_index("d", "c", name, key, options)
chance = random.Random(11)
ids = ["a", "A", "b", 1, 1.0, 2, True, None, {"n": 1}, "c"]
values = [None, 0, 1, 1.0, True, "a", "A", [1, "a"], {"step": 1}, float("nan")]
for number, one in enumerate(["a", "A", "b", 1, 2, True, None, {"n": 1}, "c"]):
    document = {"_id": one, "rev": number % 3, "place": "xyz"[number % 3], "urgent": number % 2 == 0}
    store.insert("d", "c", [document | ({"since": chance.choice(values)} if number % 4 else {})])
found = {"answers": [], "updated": []}
def wanted():
    one = chance.choice([
        chance.choice(ids),
        {"$in": chance.sample(ids, 4)},
        {"$in": chance.sample(["a", "A", "b", "c", "z"], 3)},
        {"$eq": chance.choice(ids)},
        {"$gte": chance.choice(ids)},
        {"$ne": chance.choice(ids)},
        {"$in": []},
    ])
    more = [
        ("rev", chance.choice([0, 1, 2, 1.0, {"$gte": 1}, {"$in": [0, 2]}])),
        ("place", chance.choice(["x", "y", "X", {"$in": ["x", "z"]}, {"$gt": "x"}])),
        ("since", chance.choice([*values, {"$exists": False}, {"$in": [1, None]}, {"$in": ["a", "b"]}, {"$size": 2}])),
        ("urgent", chance.choice([True, False, 1])),
        ("$or", [{"rev": 1}, {"place": "x"}]),
        ("_id", one),
    ]
    return dict(chance.sample(more, chance.randrange(1, 5))) | chance.choice([{}, {"_id": one}])
for _ in range(1500):
    asked = wanted()
    how = chance.choice([{}, {}, {"sort": {"rev": -1}}, {"collation": {"locale": "en", "strength": 2}}])
    answer = store.find_matching("d", "c", asked, **how)
    found["answers"].append([repr(asked), repr(how), sorted(repr(one["_id"]) for one in answer)])
for number in range(300):
    asked = wanted()
    how = {"multi": chance.random() < 0.5}
    # Of several that match, which one is changed is left to the store.
    if how["multi"] or len(store.find_matching("d", "c", asked)) < 2:
        done = store.update_matching("d", "c", asked, {"$set": {"touched": number}}, **how)
        found["updated"].append([done["matched"], done["modified"]])
found["documents"] = sorted(repr(one) for one in store.find_matching("d", "c", {}))
reads.clear()
store.find_matching("d", "c", {"_id": "a", "rev": 0})
found["definitions_read"] = reads.count(storage._IDX_TABLE)
compared, candidate = [], query._in_candidate_matches
query._in_candidate_matches = lambda *given, **how: (compared.append(1), candidate(*given, **how))[1]
store.find_matching("d", "c", {"_id": {"$in": ["a", "b", "c"]}})
found["compared_one_by_one"] = len(compared)
store.close()
json.dump(found, sys.stdout)
"""


def test_what_is_asked_for_by_its_id_and_more_is_found_by_its_id_and_is_what_was_found_before(tmp_path: Path) -> None:
    alone, ours = written(tmp_path / "alone", "alone", FIND), written(tmp_path / "ours", "ours", FIND)
    assert alone.pop("definitions_read") > 0, "it looks up by the id by itself: what we change of it can go"
    assert ours.pop("definitions_read") == 0
    assert alone.pop("compared_one_by_one") > 0, "it looks texts up among many by itself: likewise"
    assert ours.pop("compared_one_by_one") == 0
    assert sum(bool(answer) for _, _, answer in alone["answers"]) > 300
    assert ours == alone


FEW = """
import json, random, sys
from datetime import datetime, timedelta
sys.path.insert(0, "tools/local")
import store_server
from secantus import commands, storage
ours = sys.argv[2] == "ours"
if ours:
    store_server.count_no_further()
store = (store_server if ours else storage).Storage(sys.argv[1])
looked, real = [], storage.Storage._docs_by_recordids
def docs(self, db, coll, records):
    looked.extend(records)
    return real(self, db, coll, records)
storage.Storage._docs_by_recordids = docs
walked, unpack = [], storage._unpack_entry
storage._unpack_entry = lambda packed: (walked.append(1), unpack(packed))[1]
for name, key, options in [
    ("rank", {"rank": 1}, {}),
    ("down", {"down": -1}, {}),
    ("place_rank", {"place": 1, "rank": 1}, {}),
    ("back_rank", {"down": -1, "rank": 1}, {}),
    ("due", {"due": 1}, {"sparse": True}),
    ("urgent_rank", {"rank": 1}, {"partialFilterExpression": {"urgent": True}}),
    ("tags", {"tags": 1}, {}),
    ("place_tags", {"place": 1, "tags": 1}, {}),
    ("note", {"note": 1}, {"collation": {"locale": "en", "strength": 2}}),
    ("text", {"text": 1}, {}),
]:
    store.create_index("d", "c", name, key, options)
chance = random.Random(5)
begin = datetime(2026, 1, 1)
times = [begin + timedelta(hours=n) for n in range(40)]
texts = ["", "a", "ab", "abc", "b", "a\\0b", "A", "1", "10", "2"]
ranks = [*range(30), 1.0, 2.5, -1, 2**40, "x", None, True, begin]
places = ["seoul", "seoul2", "busan", 1, None]
for number in range(150):
    document = {"_id": chance.choice([number, f"id{number}"]), "urgent": chance.random() < 0.2}
    for name, values in [("rank", ranks), ("down", ranks), ("place", places), ("text", texts), ("note", texts)]:
        if chance.random() < 0.9:
            document[name] = chance.choice(values)
    if chance.random() < 0.5:
        document["due"] = chance.choice(times)
    if chance.random() < 0.3:
        document["tags"] = chance.choice([chance.sample(range(9), 3), [], chance.randrange(9)])
    store.insert("d", "c", [document])
fields = {"rank": ranks, "down": ranks, "due": times, "text": texts, "tags": [*range(9)], "note": texts}
fields["_id"] = [50, "id7"]
def span(values):
    low = {chance.choice(["$gt", "$gte"]): chance.choice(values)}
    high = {chance.choice(["$lt", "$lte"]): chance.choice(values)}
    return chance.choice([low, high, low | high, low | high, {"$gt": chance.choice(values), **low, **high}])
def wanted():
    asked = {}
    for name in chance.sample(sorted(fields), chance.choice([0, 1, 1, 1, 2])):
        # Between two bounds it overlooks by itself arrays with one value above the lower and another below the upper.
        ends = {chance.choice(["$gt", "$lte"]): chance.randrange(9)} if name == "tags" else span(fields[name])
        asked[name] = chance.choice([ends, ends, chance.choice(fields[name])])
    if chance.random() < 0.4:
        asked["place"] = chance.choice([*places, {"$in": ["seoul", "busan"]}])
    if chance.random() < 0.3:
        asked["urgent"] = chance.choice([True, False])
    if chance.random() < 0.1:
        asked["$or"] = [{"urgent": True}, {"place": "busan"}]
    if chance.random() < 0.1:
        asked["_id"] = chance.choice([{"$nin": [3, "id4"]}, {"$in": [1, 2, "id3"]}, 5])
    for name, clause in asked.items():
        if isinstance(clause, dict) and chance.random() < 0.1:
            clause |= chance.choice([{"$exists": True}, {"$type": ["int", "string"]}, {"$ne": clause.get("$gte", 1)}])
    return asked
found = {"answers": [], "counted": []}
context = commands.CommandContext(connection_id=1, storage=store, cursors=None, db_name="d")
for _ in range(600):
    asked = wanted()
    by = chance.choice([*fields, *[name for name in asked if name in fields] * 5])
    how = {"sort": {by: chance.choice([1, -1])}, "limit": chance.choice([0, 1, 2, 5, 20])}
    how["skip"] = chance.choice([0, 0, 3])
    if chance.random() < 0.1:
        how["collation"] = {"locale": "en", "strength": 2}
    if chance.random() < 0.1:
        del how["sort"]
    few = store.find_matching("d", "c", asked, **how)
    every = store.find_matching("d", "c", asked, **{**how, "limit": 0, "skip": 0})
    known = {repr(one) for one in every}
    # Of several with one place in the order, which comes first is left to the store.
    order = [repr(one.get(by)).removesuffix(".0") for one in few] if "sort" in how else []
    strangers = sum(repr(one) not in known for one in few)
    twice = len(few) - len({repr(one["_id"]) for one in few})
    found["answers"].append([repr(asked), repr(how), len(few), len(every), order, strangers, twice])
    most = chance.choice([1, 5, 1000])
    stages = [{"$match": asked}, {"$limit": most}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]
    doc = {"aggregate": "c", "pipeline": stages, "cursor": {}, "$db": "d"}
    answer = commands._HANDLERS["aggregate"](doc, context)["cursor"]["firstBatch"]
    found["counted"].append([answer, min(most, len(store.find_matching("d", "c", asked)))])
store.insert("d", "many", [{"_id": n, "at": n, "kind": n % 2, "other": n} for n in range(400)])
store.create_index("d", "many", "at", {"at": 1}, {"sparse": True})
store.create_index("d", "many", "kind_at", {"kind": 1, "at": 1})
def cost(ask):
    looked.clear(), walked.clear()
    ask()
    return [len(looked), len(walked)]
every = {"at": {"$gte": 0, "$lte": 3000}}
find = lambda asked, **how: lambda: store.find_matching("d", "many", asked, **how)
pipeline = [{"$match": every}, {"$limit": 9}, {"$group": {"_id": 1, "n": {"$sum": 1}}}]
count = {"aggregate": "many", "pipeline": pipeline, "cursor": {}, "$db": "d"}
found["cost"] = {
    "first": cost(find(every, sort={"at": 1}, limit=9)),
    "last": cost(find(every, sort={"at": -1}, limit=9)),
    "skipped": cost(find(every, sort={"at": 1}, skip=20, limit=9)),
    "of a kind": cost(find({"kind": 1, **every}, sort={"at": 1}, limit=9)),
    "and more": cost(find({**every, "_id": {"$nin": [0, 1]}}, sort={"at": 1}, limit=9)),
    "any": cost(find(every, limit=9)),
    "counted": cost(lambda: commands._HANDLERS["aggregate"](count, context)),
    "by id": cost(find({"_id": {"$gt": 100}}, sort={"_id": 1}, limit=9)),
    "last id": cost(find({}, sort={"_id": -1}, limit=1)),
    "last of a type": cost(find({"_id": {"$lt": 300, "$type": "int"}}, sort={"_id": -1}, limit=1)),
}
store.close()
json.dump(found, sys.stdout)
"""


def test_of_the_first_few_no_more_are_read_and_they_are_those_that_were_found_before(tmp_path: Path) -> None:
    alone, ours = written(tmp_path / "alone", "alone", FEW), written(tmp_path / "ours", "ours", FEW)
    cost, before = ours.pop("cost"), alone.pop("cost")
    assert [one for one in before.values() if one == [0, 0] or max(one) > 190] == [*before.values()], (
        "it reads no more than the few by itself: what we change of it can go"
    )
    assert {name: looked for name, (looked, _) in cost.items()} == {
        "first": 9,
        "last": 9,
        "skipped": 29,
        "of a kind": 9,
        "and more": 11,
        "any": 9,
        "counted": 9,
        "by id": 10,
        "last id": 1,
        "last of a type": 2,
    }
    assert max(walked for _, walked in cost.values()) < 40
    assert sum(some > 0 for _, _, some, *_ in alone["answers"]) > 200
    assert ours == alone
    assert all(not strangers and not twice for *_, strangers, twice in ours["answers"])
    assert all((answer[0]["n"] if answer else 0) == number for answer, number in ours["counted"])


SYNC = """
import json, sys
sys.path.insert(0, "tools/local")
import store_server, wiredtiger
from secantus import commands
store_server.wait_for_the_disk_once()
store = store_server.Storage(sys.argv[1], sync_on_commit=True)
store.insert("d", "c", [{"_id": n} for n in range(3)])
asked = []
for name in ("commit_transaction", "log_flush"):
    real = getattr(wiredtiger.Session, name)
    def recorded(self, config=None, name=name, real=real):
        real(self, config)
        asked.append([name, config])
    setattr(wiredtiger.Session, name, recorded)
def update(*ids):
    updates = [{"q": {"_id": one}, "u": {"$set": {"marked": True}}} for one in ids]
    context = commands.CommandContext(connection_id=1, storage=store, cursors=None, db_name="d")
    answer = commands._HANDLERS["update"]({"update": "c", "updates": updates, "$db": "d"}, context)
    asked.append(["answered", str(answer["n"])])
update(0)
update(0, 1, 2)
update(1)
store.close()
json.dump(asked, sys.stdout)
"""


def test_many_updates_in_one_command_wait_for_the_disk_once_and_before_the_answer(tmp_path: Path) -> None:
    asked = written(tmp_path, "ours", SYNC)
    alone, later = ["commit_transaction", None], ["commit_transaction", "sync=off"]
    many = [later, later, later, ["log_flush", "sync=on"], ["answered", "3"]]
    assert asked == [alone, ["answered", "1"], *many, alone, ["answered", "1"]]


DROP = """
import json, sys, threading
sys.path.insert(0, "tools/local")
import store_server, wiredtiger
from secantus import storage
store_server.SLICE = 40
store = (store_server if sys.argv[2] == "ours" else storage).Storage(sys.argv[1], sync_on_commit=True)
for coll in ("dropped", "dropped_later", "kept"):
    store.create_index("d" if coll != "kept" else "e", coll, "by_tag", {"tag": 1})
    store.insert("d" if coll != "kept" else "e", coll, [{"_id": n, "tag": n} for n in range(100)])
inside, waits = [], []
here = threading.get_ident()
for name in ("begin_transaction", "commit_transaction"):
    real = getattr(wiredtiger.Session, name)
    def session(self, config=None, name=name, real=real):
        real(self, config)
        if threading.get_ident() != here:
            return  # what the store does by itself meanwhile
        inside[:] = [name] if name == "begin_transaction" else []
        waits.extend([name] if name == "commit_transaction" else [])
    setattr(wiredtiger.Session, name, session)
remove = wiredtiger.Cursor.remove
wiredtiger.Cursor.remove = lambda self: (
    waits.extend([] if inside or threading.get_ident() != here else ["remove"]), remove(self)
)[1]
store.drop_collection("d", "dropped")
store.drop_database("d")
found = {"waits": len(waits)}
store.insert("d", "dropped", [{"_id": 1, "tag": 1}])
store.close()
store = storage.Storage(sys.argv[1])
for db, coll in (("d", "dropped"), ("d", "dropped_later"), ("e", "kept")):
    found[coll] = [len(store.find_matching(db, coll, asked)) for asked in ({}, {"tag": 7})]
    found[coll].append(sorted(one["name"] for one in store.list_indexes(db, coll)))
store.close()
json.dump(found, sys.stdout)
"""


def test_a_drop_waits_for_the_disk_once_for_many_documents_and_nothing_of_them_is_left(tmp_path: Path) -> None:
    alone, ours = written(tmp_path / "alone", "alone", DROP), written(tmp_path / "ours", "ours", DROP)
    waits = alone.pop("waits")
    # If the store does so by itself, what we change of it can go.
    assert waits > 600
    assert ours.pop("waits") < waits / 10
    assert ours == alone
    assert (ours["dropped"][:2], ours["kept"][:2]) == ([1, 0], [100, 1])


KILLED = """
import os, sys
sys.path.insert(0, "tools/local")
import store_server
from secantus import storage
store_server.SLICE = 3
store = (store_server if sys.argv[2] == "ours" else storage).Storage(sys.argv[1], sync_on_commit=True)
store.insert("d", "c", [{"_id": n, "tag": n} for n in range(50)])
pack, packed = storage._pack_entry, []

def killed(*args):
    packed.append(args)
    if len(packed) > 20:
        print("{}", flush=True)
        os._exit(0)
    return pack(*args)

storage._pack_entry = killed
store.create_index("d", "c", "by_tag", {"tag": 1}, {"sparse": True})
"""
AGAIN = """
import json, sys, threading
sys.path.insert(0, "tools/local")
import store_server, wiredtiger
from secantus import storage
store_server.SLICE = 3
store = (store_server if sys.argv[2] == "ours" else storage).Storage(sys.argv[1], sync_on_commit=True)
found, inside, waits, here = {}, [], [], threading.get_ident()
begin, commit = wiredtiger.Session.begin_transaction, wiredtiger.Session.commit_transaction
insert = wiredtiger.Cursor.insert
own = lambda: threading.get_ident() == here
wiredtiger.Session.begin_transaction = lambda self, *how: (inside.extend([1] if own() else []), begin(self, *how))[1]
wiredtiger.Session.commit_transaction = lambda self, *how: (
    inside.clear() if own() else None,
    waits.extend([1] if own() and how != ("sync=off",) else []),
    commit(self, *how),
)[2]
wiredtiger.Cursor.insert = lambda self: (waits.extend([] if inside or not own() else [1]), insert(self))[1]
for when in ("started", "asked"):
    names = [one["name"] for one in store.list_indexes("d", "c")]
    found[when] = [names, len(store.find_matching("d", "c", {"tag": {"$gte": 0}}))]
    found[when].append(store.create_index("d", "c", "by_tag", {"tag": 1}, {"sparse": True}))
found["in_it"] = len(store.find_matching("d", "c", {}, hint="by_tag"))
found["options"] = store._index_options_map("d", "c")["by_tag"]
waits.clear()
store.create_index("d", "c", "once", {"tag": -1}, {"unique": True})
found["waits"] = len(waits)
found["refused"] = [one["index"] for one in store.insert("d", "c", [{"tag": 50}, {"tag": 7}], ordered=False)[1]]
store.close()
json.dump(found, sys.stdout)
"""


def test_an_index_whose_making_was_cut_short_is_made_anew_and_finds_every_document(tmp_path: Path) -> None:
    for how in ("alone", "ours"):
        written(tmp_path / how, how, KILLED)
    alone, ours = (written(tmp_path / how, how, AGAIN) for how in ("alone", "ours"))
    # If the store does so by itself, what we change of it can go.
    assert alone["started"] == alone["asked"] == [["_id_", "by_tag"], 20, False]
    assert ours["started"] == [["_id_"], 50, True]
    assert ours["asked"] == [["_id_", "by_tag"], 50, False]
    assert (alone["in_it"], ours["in_it"]) == (20, 50)
    assert (alone["waits"] > 50, ours["waits"]) == (True, 2), "for what it is, and for all there is in it"
    assert (ours["options"], ours["refused"]) == (alone["options"], [1]), "it is like any other"


MET = """
import json, sys, threading
sys.path.insert(0, "tools/local")
import store_server
from secantus import storage
store = store_server.Storage(sys.argv[1])
for db in ("d", "e"):
    store.insert(db, "c", [{"_id": n, "text": ""} for n in range(3)])
writing, waits = threading.Event(), threading.Event()
lock, commit = storage.Storage._coll_lock, storage._commit_batch_transaction

def asked(self, db, coll):
    if threading.current_thread().name == "drop":
        waits.set()
    return lock(self, db, coll)

def held(*args):
    if threading.current_thread().name == "write":
        writing.set()
        while not waits.wait(0.01) and drop.is_alive():
            pass  # the drop either waits or fails
    commit(*args)

storage.Storage._coll_lock, storage._commit_batch_transaction = asked, held
found = {}
for db, how in (("d", lambda: store.drop_collection("d", "c")), ("e", lambda: store.drop_database("e"))):
    def dropped(db=db, how=how):
        writing.wait()
        try:
            how()
            found[db] = "dropped"
        except Exception as error:
            found[db] = type(error).__name__
    writing.clear()
    waits.clear()
    drop = threading.Thread(target=dropped, name="drop")
    write = threading.Thread(
        target=lambda db=db: store.update_matching(db, "c", {"_id": 1}, {"$set": {"text": "x"}}), name="write"
    )
    for one in (drop, write):
        one.start()
    for one in (drop, write):
        one.join()
    found[db] = found[db], len(store.find_matching(db, "c", {}))
json.dump(found, sys.stdout)
sys.stdout.flush()
store.close()
"""


def test_a_drop_that_meets_a_write_waits_for_it(tmp_path: Path) -> None:
    assert written(tmp_path, "ours", MET) == {"d": ["dropped", 0], "e": ["dropped", 0]}


ROOM = """
import json, shutil, sys
sys.path.insert(0, "tools/local")
import store_server
from secantus import commands, storage
store = storage.Storage(sys.argv[1])
store.insert("d", "c", [{"_id": n} for n in range(3)])
read, scan = [], storage.Storage._scan_docs
storage.Storage._scan_docs = lambda self, *where: (read.append(where), scan(self, *where))[1]
if sys.argv[2] == "ours":
    store_server.tell_the_room()
context = commands.CommandContext(connection_id=1, storage=store, cursors=None, db_name="d")
found = []
for name in ("dbStats", "dbstats"):
    read.clear()
    told = commands._HANDLERS[name]({name: 1, "$db": "d"}, context)
    disk = shutil.disk_usage(sys.argv[1])
    one = {"scans": len(read), "tells": "fsTotalSize" in told}
    if one["tells"]:
        free = told["fsTotalSize"] - told["fsUsedSize"]
        # Others write to the disk meanwhile; what is reserved for the administrator is a twentieth of most disks.
        one |= {"total": told["fsTotalSize"] == disk.total, "free": abs(free - disk.free) < disk.total / 100}
    found.append(one)
store.close()
json.dump(found, sys.stdout)
"""


def test_the_store_tells_the_room_on_its_disk_without_reading_what_lies_there(tmp_path: Path) -> None:
    alone, ours = written(tmp_path / "alone", "alone", ROOM), written(tmp_path / "ours", "ours", ROOM)
    assert alone == [{"scans": 3, "tells": False}] * 2, "if it tells the room by itself, ours can go"
    assert ours == [{"scans": 0, "tells": True, "total": True, "free": True}] * 2


ANSWERS = """
import json, sys
sys.path.insert(0, "tools/local")
import store_server
from secantus import transactions
if sys.argv[2] == "ours":
    store_server.forget_answers_in_their_order()
class Counted(dict):
    looks = 0
    def items(self):
        Counted.looks += 1
        return super().items()
now = [1000.0]
kept = transactions.TransactionRegistry(time_func=lambda: now[0])
kept._retryable = Counted()
most, lasts = transactions._RETRYABLE_RECORD_MAX, transactions._RETRYABLE_RECORD_LIFETIME_SECONDS
transactions._RETRYABLE_RECORD_MAX = 50
def answers():
    return [n for n in range(80) if kept.retryable_reply(b"s", n, b"i") is not None]
found = {"kept": [most, lasts]}
for n in range(60):
    now[0] += 1
    kept.record_retryable(b"s", n, b"i", {"ok": 1.0, "n": n})
found["newest"] = answers()
found["again"] = kept.retryable_reply(b"s", 59, b"i")["n"]
found["other"] = kept.retryable_reply(b"s", 59, b"j")
now[0] += lasts - 20
found["young"] = answers()
now[0] += 20.5
found["late"] = answers()
found["left"] = len(kept._retryable)
found["looks"] = Counted.looks
json.dump(found, sys.stdout)
"""


def test_answers_kept_for_a_write_that_is_sent_again_are_forgotten_as_before_and_not_all_looked_at(
    tmp_path: Path,
) -> None:
    alone, ours = written(tmp_path / "alone", "alone", ANSWERS), written(tmp_path / "ours", "ours", ANSWERS)
    assert alone.pop("looks") > 100, "if it looks no more at all of them, ours can go"
    assert ours.pop("looks") == 0
    assert ours == alone
    assert ours["kept"] == [10_000, 1800.0]
    assert (ours["newest"], ours["young"]) == ([*range(10, 60)], [*range(39, 60)])
    assert (ours["again"], ours["other"], ours["late"], ours["left"]) == (59, None, [], 0)


CACHE = """
import json, sys
sys.path.insert(0, "tools/local")
import store_server, wiredtiger
from secantus import storage
opened, open_store = [], storage.wt.wiredtiger_open
storage.wt.wiredtiger_open = lambda home, config: (opened.append(config), open_store(home, config))[1]
kind = (store_server if sys.argv[2] == "ours" else storage).Storage
kind(sys.argv[1]).close()
# A checkpoint walks the cache too, and on a slow disk one would be due meanwhile.
store = kind(sys.argv[1], cache_size="256M", checkpoint_seconds=3600)
store._conn.reconfigure("statistics=(fast)")
for n in range(800):
    store.insert("d", "c", [{"_id": n, "text": "x" * 20_000}])
statistics = store._session().open_cursor("statistics:")
passes = statistics[wiredtiger.stat.conn.cache_eviction_walk_passes][2]
statistics.close()
store.close()
json.dump({"checkpoint": "checkpoint=(wait=15)" in opened[0], "passes": passes}, sys.stdout)
"""


def test_pages_wait_for_the_next_checkpoint_and_nothing_looks_for_some_to_write_out(tmp_path: Path) -> None:
    assert written(tmp_path / "alone", "alone", CACHE)["passes"] > 0, "it waits by itself: what we change can go"
    assert written(tmp_path / "ours", "ours", CACHE) == {"checkpoint": True, "passes": 0}


STANDING = """
def standing(cursors):
    standing = 0
    for cursor in cursors:
        try:
            cursor.get_key()
            standing += 1
        except Exception:
            pass
    return standing
"""

EXPIRE = (
    STANDING
    + """
import datetime, json, sys
sys.path.insert(0, "tools/local")
import store_server
from secantus import storage
store = (store_server if sys.argv[2] == "ours" else storage).Storage(sys.argv[1])
store.create_collection("d", "c")
store.create_index("d", "c", "expires", {"at": 1}, {"expireAfterSeconds": 1})
long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
store.insert("d", "c", [{"_id": 1, "at": long_ago}, {"_id": 2, "at": long_ago + datetime.timedelta(days=36500)}])
found = {"expired": store.prune_ttl_all_collections(), "held": standing(store._tls.cursors.values())}
store._tls.session.reset()
found["held"] -= standing(store._tls.cursors.values())  # what was set and not looked for holds nothing, and stays
json.dump(found, sys.stdout)
store.close()
"""
)


def _expire(folder: Path, whose: str) -> Any:
    command = [sys.executable, "-c", EXPIRE, str(folder), whose]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_who_looked_for_what_has_expired_holds_no_page_afterwards(tmp_path: Path) -> None:
    assert _expire(tmp_path / "ours", "ours") == {"expired": 1, "held": 0}
    assert _expire(tmp_path / "theirs", "theirs")["held"] > 0  # or a newer version lets go by itself


LEAVE = (
    STANDING
    + """
import json, os, sys, threading
sys.path.insert(0, "tools/local")
import store_server
from pymongo import MongoClient
from secantus import server
store_server.LEFT_TRANSACTIONS_S = 0.05
if sys.argv[2] == "ours":
    server.Storage = store_server.Storage
kind = store_server.Server if sys.argv[2] == "ours" else server.SecantusDBServer
store = kind(storage_path=sys.argv[1])
store.start()
client = MongoClient(store.uri, directConnection=True)
client.d.c.insert_many([{"_id": n, "written": 0} for n in range(3)])
found = {}
with client.start_session() as session:
    session.start_transaction()
    found["seen"] = [client.d.c.find_one({"_id": 1}, session=session)["written"]]
    client.d.c.update_one({"_id": 2}, {"$set": {"written": 2}}, session=session)
    found["own"] = client.d.c.find_one({"_id": 2}, session=session)["written"]
    found["held"] = sum(standing(each.handle.cursors.values()) for each in store.transactions._txns.values())
    client.d.c.update_one({"_id": 1}, {"$set": {"written": 1}})
    found["seen"].append(client.d.c.find_one({"_id": 1}, session=session)["written"])
    # No other transaction begins or ends, and a write of what this one wrote waits until this one has ended.
    store.transactions._lifetime = 0
    waiting = threading.Thread(target=client.d.c.update_one, args=({"_id": 2}, {"$inc": {"written": 5}}), daemon=True)
    waiting.start()
    waiting.join(float(sys.argv[3]))
    found["waits"] = waiting.is_alive()
    found["open"] = len(store.transactions)
    json.dump(found, sys.stdout)
    sys.stdout.flush()
    os._exit(0)
"""
)


def _leave(folder: Path, whose: str, patience_s: float) -> Any:
    command = [sys.executable, "-c", LEAVE, str(folder), whose, str(patience_s)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_transaction_that_its_client_left_holds_no_page_and_is_ended(tmp_path: Path) -> None:
    ours = _leave(tmp_path / "ours", "ours", DEADLINE_S)
    assert ours == {"seen": [0, 0], "own": 2, "held": 0, "waits": False, "open": 0}
    theirs = _leave(tmp_path / "theirs", "theirs", 1.0)
    # Or a newer version does both by itself.
    assert theirs.pop("held") > 0
    assert theirs == {"seen": [0, 0], "own": 2, "waits": True, "open": 1}
