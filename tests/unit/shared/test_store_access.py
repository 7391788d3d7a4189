"""Users of the store: one for each process that has something to do there, each with its own database."""

from services.notify.auditor.repository import DATABASE
from shared.settings import StoreSettings
from shared.store_access import USERS
from tools.local.settings import SERVICES

PREFIX = StoreSettings.model_fields["database_prefix"].default


def test_each_service_has_its_own_database_and_only_notify_reads_what_its_auditor_writes() -> None:
    assert {user.name: user.reads for user in USERS} == {
        **dict.fromkeys(SERVICES, ()),
        DATABASE: (),
        "notify": (DATABASE,),
    }


def test_a_user_has_the_roles_of_its_databases_and_no_more() -> None:
    roles = {user.name: user.roles("x_") for user in USERS}
    assert roles["analytics"] == [{"role": "readWrite", "db": "x_analytics"}]
    assert roles["notify"] == [{"role": "readWrite", "db": "x_notify"}, {"role": "read", "db": "x_auditor"}]
