"""The rights on the bus for people and machines: a page, commands for Kafka's tools, Strimzi's users. One table."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

import yaml
from aiokafka.admin import NewTopic

from shared.kafka.access import PRINCIPALS, Acl, KafkaPrincipal, Operation, Resource, all_acls
from shared.kafka.admin import wanted_topics
from shared.settings import KafkaSettings
from shared.topics import AUDIT_ANCHORS
from shared.topics import TOPICS as ALL_TOPICS

PAGE: Final = "reference/kafka-rights.md"
COMMANDS: Final = "../deploy/kafka/acls.sh"
TOPICS: Final = "../deploy/kubernetes/base/kafka-topics.yaml"
USERS: Final = "../deploy/kubernetes/base/kafka-users.yaml"
_CLUSTER: Final = "ieum"
_HEAD: Final = """# Who may do what on the bus

Written by `make docs` from `shared/kafka/access.py`; `make check` compares. Every process signs in to Kafka as a
principal of its own, with SCRAM-SHA-512 over TLS. What stands nowhere here is refused: making, changing and deleting
topics, users and rights too, which only the administrator may, who signs in with a certificate.
`tests/integration/security` tries everything that is left out.

The same table makes [`deploy/kafka/acls.sh`](https://kafka.apache.org/documentation/#security_authz_cli) (commands),
`deploy/kubernetes/base/kafka-users.yaml` (Strimzi) and what `ieum up` and `ieum provision` grant.

**read** and **write** let a principal ask for a topic's offsets too; **offsets** lets it do nothing else. In a group,
**member** reads and commits offsets, **progress** only asks for them.
"""
_WORDS: Final = {
    Resource.TOPIC: {Operation.READ: "read", Operation.WRITE: "write", Operation.DESCRIBE: "offsets"},
    Resource.GROUP: {Operation.READ: "member", Operation.DESCRIBE: "progress"},
}
_NOTE: Final = "Written by `make docs` from shared/kafka/access.py: change it there."


def files() -> dict[str, str]:
    """The page and the files to deploy, by their paths below ``docs``."""
    return {PAGE: page(), COMMANDS: commands(), TOPICS: topics(), USERS: users()}


def page() -> str:
    """Principals, then a line for each topic and group."""
    rows = "".join(f"| `{principal.name}` | {principal.purpose} |\n" for principal in PRINCIPALS)
    parts = [_HEAD, f"## Principals\n\n| name | who it is |\n| --- | --- |\n{rows}"]
    for resource, title in ((Resource.TOPIC, "Topics"), (Resource.GROUP, "Consumer groups")):
        words = _WORDS[resource]
        head = f"| | {' | '.join(words.values())} |\n|{' --- |' * (len(words) + 1)}\n"
        parts.append(f"## {title}\n\n{head}{''.join(_rows(resource, words))}")
    return "\n".join(parts)


def _rows(resource: Resource, words: dict[Operation, str]) -> Iterable[str]:
    acls = sorted((acl for acl in all_acls() if acl.resource == resource), key=lambda acl: acl.name)
    for name, found in groupby(acls, key=lambda acl: acl.name):
        mine = list(found)
        cells = [", ".join(acl.principal for acl in mine if acl.operation == operation) for operation in words]
        yield f"| `{name}` | {' | '.join(cells)} |\n"


def commands() -> str:
    """A script that grants every right, for a cluster of one's own."""
    lines = [
        "#!/bin/sh",
        f"# {_NOTE}",
        "# KAFKA_ACLS: the tool with the administrator's connection, for example",
        '# KAFKA_ACLS="kafka-acls.sh --bootstrap-server broker-1:9092 --command-config admin.properties"',
        "# `ieum provision` does more: topics and passwords, and it takes away what is too much.",
        "set -eu",
        ': "${KAFKA_ACLS:?the command that adds rights, see above}"',
        *map(_command, all_acls()),
    ]
    return "".join(f"{line}\n" for line in lines)


def _command(acl: Acl) -> str:
    operation = acl.operation.name.title()
    return (
        f"$KAFKA_ACLS --add --allow-principal User:{acl.principal}"
        f" --operation {operation} --{acl.resource.name.lower()} {acl.name}"
    )


def topics() -> str:
    """A ``KafkaTopic`` for each topic of the table, with the settings' number of partitions, kept three times."""
    wanted = wanted_topics(KafkaSettings(replication_factor=3))
    fixed = {topic.name for topic in (*ALL_TOPICS, AUDIT_ANCHORS) if topic.partitions}
    made = [_topic(name, topic, fixed=name.removesuffix(".dead") in fixed) for name, topic in wanted.items()]
    return (
        f"# {_NOTE.replace('kafka/access', 'topics')}\n{yaml.safe_dump_all(made, sort_keys=False, explicit_start=True)}"
    )


def _topic(name: str, topic: NewTopic, *, fixed: bool) -> dict[str, Any]:
    labels = {"strimzi.io/cluster": _CLUSTER} | ({} if fixed else {"ieum.example/partitions": "deployment"})
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "partitions": topic.num_partitions,
            "replicas": topic.replication_factor,
            "config": dict(topic.topic_configs),
        },
    }


def users() -> str:
    """A ``KafkaUser`` for each principal. Strimzi makes the password and keeps it in a secret of the same name."""
    text = yaml.safe_dump_all([_user(principal) for principal in PRINCIPALS], sort_keys=False, explicit_start=True)
    return f"# {_NOTE}\n{text}"


def _user(principal: KafkaPrincipal) -> dict[str, Any]:
    by_resource = groupby(principal.acls(), key=lambda acl: (acl.resource, acl.name))
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaUser",
        "metadata": {"name": principal.name, "labels": {"strimzi.io/cluster": _CLUSTER}},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {
                "type": "simple",
                "acls": [
                    {
                        "resource": {"type": resource.name.lower(), "name": name, "patternType": "literal"},
                        "operations": [acl.operation.name.title() for acl in acls],
                    }
                    for (resource, name), acls in by_resource
                ],
            },
        },
    }
