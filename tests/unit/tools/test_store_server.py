"""What the embedded store leaves open by itself, by version: a new one that leaves more, or less, is noticed here."""

import json
import subprocess
import sys

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
found["collections"] = rbac.check_privilege(
    [{"role": "r", "db": "admin"}], "find", target_db="a", role_resolver=lambda *_: role
)
store_server.close_gaps()
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
        "left": [],
        "renames_now": "fsync",
        "unasked_now": False,
    }
