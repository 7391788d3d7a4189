"""The table of rights on the bus: it follows the table of topics, and what is deployed follows it."""

from pathlib import Path

import jsonschema
import pytest
import yaml

from services.analytics.operations.service import GROUPS
from services.notify.dead_letters.service import GROUP as DEAD
from services.notify.dead_letters.service import WATCHED
from shared.audit.model import SERVICES as SERVICES_WITH_AUDIT
from shared.errors import FatalError
from shared.kafka.access import BY_NAME, PRINCIPALS, Operation, Resource, all_acls
from shared.kafka.admin import wanted_topics
from shared.kafka.provision import read_passwords
from shared.settings import KafkaSettings
from shared.topics import AUDIT_ANCHORS, FOR_EVER, TOPICS, Topic
from tools.backup import topics as backup
from tools.docs_generation import kafka_access
from tools.local.settings import SERVICES

PROJECT = Path(__file__).parents[4]
SCHEMAS = PROJECT.parent / "shared" / "crds"


def granted(operation: Operation, name: str) -> set[str]:
    return {acl.principal for acl in all_acls() if acl.operation == operation and acl.name == name}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_only_its_writer_and_redrive_write_to_a_topic(topic: Topic) -> None:
    assert granted(Operation.WRITE, topic.name) == {topic.writer, "redrive"}
    assert granted(Operation.READ, topic.name) & set(SERVICES) == set(topic.readers)


def test_every_service_with_an_audit_publishes_anchors_and_only_the_verifier_reads_them() -> None:
    assert granted(Operation.WRITE, AUDIT_ANCHORS.name) == {*SERVICES_WITH_AUDIT, "verifier"}
    assert granted(Operation.READ, AUDIT_ANCHORS.name) == {"verifier"}
    made = wanted_topics(KafkaSettings(replication_factor=3))[AUDIT_ANCHORS.name]
    assert (made.num_partitions, made.topic_configs["cleanup.policy"]) == (1, "delete")
    assert made.topic_configs["retention.ms"] == str(FOR_EVER), "nothing of it ever goes"


def test_a_compromised_analytics_can_write_nothing_but_dead_letters() -> None:
    writes = {acl.name for acl in BY_NAME["analytics"].acls() if acl.operation == Operation.WRITE}
    assert writes == {"audit-anchors", "reports.dead", "routings.dead", "cases.dead", "alerts.dead", "centers.dead"}


def test_nobody_has_a_right_to_make_change_or_delete() -> None:
    assert {acl.operation for acl in all_acls()} == {Operation.READ, Operation.WRITE, Operation.DESCRIBE}
    assert {acl.resource for acl in all_acls()} == {Resource.TOPIC, Resource.GROUP}


def test_watchers_see_what_they_ask_for() -> None:
    assert {*GROUPS, "redrive"} == set(BY_NAME["analytics"].sees_groups)
    assert set(WATCHED) == set(BY_NAME["notify"].reads_dead)
    assert DEAD in BY_NAME["notify"].groups


def test_a_backup_asks_for_every_group_of_ours_and_for_none_it_may_not_see() -> None:
    ours = {group for principal in PRINCIPALS if principal.name != "partner" for group in principal.groups}
    assert set(backup.GROUPS) == ours
    assert set(backup.GROUPS) <= set(BY_NAME["backup"].sees_groups)


def test_each_group_has_one_principal() -> None:
    groups = [group for principal in PRINCIPALS for group in principal.groups]
    assert len(groups) == len(set(groups))


def test_the_prefix_of_a_deployment_stands_before_every_name() -> None:
    assert {acl.name for acl in all_acls("staging.")} == {f"staging.{acl.name}" for acl in all_acls()}


def test_what_is_deployed_grants_what_the_table_says() -> None:
    wanted = {(acl.principal, acl.resource.name.lower(), acl.name, acl.operation.name) for acl in all_acls()}
    users = list(yaml.load_all(kafka_access.users(), yaml.CSafeLoader))
    by_strimzi = {
        (user["metadata"]["name"], acl["resource"]["type"], acl["resource"]["name"], operation.upper())
        for user in users
        for acl in user["spec"]["authorization"]["acls"]
        for operation in acl["operations"]
    }
    assert by_strimzi == wanted
    lines = [line.split() for line in kafka_access.commands().splitlines() if line.startswith("$KAFKA_ACLS")]
    by_command = {(w[3].removeprefix("User:"), w[6].removeprefix("--"), w[7], w[5].upper()) for w in lines}
    assert by_command == wanted


@pytest.mark.skipif(not SCHEMAS.is_dir(), reason="Strimzi's schemas lie beside the project only where it is developed")
def test_users_are_as_strimzi_wants_them() -> None:
    (file,) = SCHEMAS.glob("*Crd-kafkauser.yaml")
    versions = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)["spec"]["versions"]
    schema = next(each for each in versions if each["name"] == "v1")["schema"]["openAPIV3Schema"]
    for user in yaml.load_all(kafka_access.users(), yaml.CSafeLoader):
        jsonschema.validate(user, schema)


def test_passwords_that_are_missing_or_short_have_a_line_each(tmp_path: Path) -> None:
    for name in BY_NAME:
        (tmp_path / name).write_text("x" * 40, encoding="utf-8")
    (tmp_path / "intake").write_text("short", encoding="utf-8")
    (tmp_path / "redrive").unlink()
    with pytest.raises(FatalError) as caught:
        read_passwords(tmp_path)
    short, missing = sorted(str(caught.value).splitlines(), key=lambda line: "no file" in line)
    assert "found 5 characters" in short
    assert "intake" in short
    assert "found no file" in missing
    assert "openssl rand -hex 32" in missing
