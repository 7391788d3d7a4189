"""Users of the store: one for each process that has something to do there, each with its own database."""

from services.notify.auditor.repository import DATABASE
from shared.audit.model import SERVICES as AUDITED
from shared.store_access import DATABASES, USERS
from tools.local.settings import SERVICES


def test_each_service_has_its_own_database_and_what_others_wrote_is_read_by_notify_and_the_verifier_alone() -> None:
    assert {user.name: user.reads for user in USERS} == {
        **dict.fromkeys(SERVICES, ()),
        DATABASE: (),
        "notify": (DATABASE,),
        "verifier": AUDITED,
    }
    assert set(DATABASES) == {*SERVICES, DATABASE}


def test_a_user_has_the_roles_of_its_databases_and_no_more() -> None:
    roles = {user.name: user.roles("x_") for user in USERS}
    assert roles["analytics"] == [{"role": "readWrite", "db": "x_analytics"}]
    assert roles["verifier"] == [{"role": "verifier", "db": "admin"}]
    (verifier,) = (user for user in USERS if user.name == "verifier")
    allowed = verifier.privileges("x_")
    assert {action for one in allowed for action in one["actions"]} == {"find", "collStats"}, "and none to write"
    read = {(one["resource"]["db"], one["resource"]["collection"]) for one in allowed if one["actions"] == ["find"]}
    assert read == {(f"x_{name}", own) for name in AUDITED for own in ("audit", "audit_anchors", "register")}
    assert roles["notify"] == [{"role": "readWrite", "db": "x_notify"}, {"role": "read", "db": "x_auditor"}]
