"""Users of the store: one for each service, its own database, and what is deployed says the same."""

import json
import re

from services.notify.auditor.repository import FindingStore
from shared.settings import StoreSettings
from shared.store_access import USERS
from tools.docs_generation import store_access
from tools.local.settings import SERVICES


class Database(dict[str, str]):
    """Notes which collections are asked for."""

    def __missing__(self, name: str) -> str:
        self[name] = name
        return name


def test_each_service_has_its_own_database_and_only_notify_shares_two_collections_with_its_auditor() -> None:
    whole = {user.name: user.database for user in USERS if not user.collections}
    assert whole == {service: service for service in SERVICES}
    [auditor] = [user for user in USERS if user.collections]
    database = Database()
    FindingStore(database)  # type: ignore[arg-type]  # only asked for collections
    assert (auditor.name, auditor.database) == ("auditor", "notify")
    assert set(auditor.collections) == set(database)


def test_the_script_for_mongodb_grants_that_and_no_more() -> None:
    found = re.search(r"const users = (\[.*?\n\]);", store_access.script(), re.DOTALL)
    assert found is not None
    prefix = StoreSettings.model_fields["database_prefix"].default
    listed = {each["user"]: each for each in json.loads(found[1])}
    assert {name: each["db"] for name, each in listed.items()} == {u.name: f"{prefix}{u.database}" for u in USERS}
    assert {each["role"] for name, each in listed.items() if name != "auditor"} == {"readWrite"}
    resources = [each["resource"] for each in listed["auditor"]["privileges"]]
    assert resources == [{"db": f"{prefix}notify", "collection": name} for name in ("findings", "auditor")]
