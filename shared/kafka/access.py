"""The one table of who may do what on the bus: principals, their rights, and the ACLs that grant exactly these. Pure.

Commands for Kafka's own tools, Strimzi's ``KafkaUser``s and the page of permissions are written from it, the launcher
and ``ieum provision`` apply it, and ``tests/integration/security`` tries everything it leaves out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from shared.audit.model import SERVICES as AUDITED
from shared.topics import ALERTS, AUDIT_ANCHORS, CASES, CENTERS, LOADS, REPORTS, ROUTINGS, TOPICS, Topic


class Resource(IntEnum):
    """Kafka's resource types, with the numbers of its protocol."""

    TOPIC = 2
    GROUP = 3


class Operation(IntEnum):
    """Kafka's operations, with the numbers of its protocol. ``READ`` and ``WRITE`` imply ``DESCRIBE``."""

    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One permission, by literal name. What no ACL allows is refused."""

    principal: str
    resource: Resource
    name: str
    operation: Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaPrincipal:
    """A process, a command of an operator, or another agency, as Kafka knows it."""

    name: str
    purpose: str
    reads: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    sees: tuple[Topic, ...] = ()
    """Topics whose offsets it may ask for, without reading them."""
    reads_dead: tuple[Topic, ...] = ()
    writes_dead: tuple[Topic, ...] = ()
    """Dead-letter topics of the topics it consumes."""
    groups: tuple[str, ...] = ()
    """Consumer groups it is a member of."""
    sees_groups: tuple[str, ...] = ()
    """Groups whose progress it may ask for."""

    def acls(self, prefix: str = "") -> list[Acl]:
        """Its rights; ``prefix`` stands before every topic and group of the deployment."""
        topics = {
            Operation.READ: {*names(self.reads), *dead(self.reads_dead)},
            Operation.WRITE: {*names(self.writes), *dead(self.writes_dead)},
            Operation.DESCRIBE: {*names(self.sees)},
        }
        groups = {Operation.READ: self.groups, Operation.DESCRIBE: self.sees_groups}
        both = ((Resource.TOPIC, topics), (Resource.GROUP, groups))
        return sorted(
            Acl(self.name, resource, f"{prefix}{name}", operation)
            for resource, granted in both
            for operation, found in granted.items()
            for name in found
        )


def names(topics: Iterable[Topic]) -> list[str]:
    """The names of topics."""
    return [topic.name for topic in topics]


def dead(topics: Iterable[Topic]) -> list[str]:
    """The names of their dead-letter topics."""
    return [topic.dead for topic in topics]


def _service(
    name: str,
    purpose: str,
    *,
    groups: tuple[str, ...],
    consumes: tuple[Topic, ...],
    sees: tuple[Topic, ...] = (),
    reads_dead: tuple[Topic, ...] = (),
    sees_groups: tuple[str, ...] = (),
) -> KafkaPrincipal:
    """A service reads and writes what the table of topics says. ``consumes``: of that, in a group."""
    return KafkaPrincipal(
        name=name,
        purpose=purpose,
        reads=tuple(topic for topic in TOPICS if name in topic.readers),
        writes=(*(topic for topic in TOPICS if name == topic.writer), *((AUDIT_ANCHORS,) if name in AUDITED else ())),
        writes_dead=consumes,
        groups=groups,
        sees=sees,
        reads_dead=reads_dead,
        sees_groups=sees_groups,
    )


_WATCHED_GROUPS: Final = ("intake-status", "routing", "routing-copy", "notify", "notify-dead", "redrive")

PRINCIPALS: Final[tuple[KafkaPrincipal, ...]] = (
    _service("intake", "the service", groups=("intake-status",), consumes=(ROUTINGS, CASES)),
    _service("routing", "the service", groups=("routing", "routing-copy"), consumes=(REPORTS, CASES, ROUTINGS)),
    _service(
        "notify",
        "the service",
        groups=("notify", "notify-dead"),
        consumes=(ROUTINGS,),
        reads_dead=(REPORTS, ROUTINGS, CASES),
    ),
    _service(
        "analytics",
        "the service; its operations page asks how far every group is and lists dead letters",
        groups=("analytics",),
        consumes=(REPORTS, ROUTINGS, CASES, ALERTS, CENTERS),
        sees=(LOADS,),
        reads_dead=TOPICS,
        sees_groups=_WATCHED_GROUPS,
    ),
    KafkaPrincipal(name="identity", purpose="the service; anchors of its audit", writes=(AUDIT_ANCHORS,)),
    KafkaPrincipal(
        name="verifier",
        purpose="`ieum audit verify`: compares every audit with its anchors; notes what a restore lost",
        reads=(AUDIT_ANCHORS,),
        writes=(AUDIT_ANCHORS,),
    ),
    KafkaPrincipal(name="auditor", purpose="notify's auditor of alerts", reads=(ROUTINGS, CASES, ALERTS)),
    KafkaPrincipal(name="recount", purpose="the recount of routing's sums", reads=(ROUTINGS, LOADS)),
    KafkaPrincipal(
        name="redrive",
        purpose="`ieum redrive`: puts dead letters back that equal the record at their origin",
        reads=TOPICS,
        writes=TOPICS,
        reads_dead=TOPICS,
        groups=("redrive",),
    ),
    KafkaPrincipal(
        name="backup",
        purpose="`ieum backup take`: reads the whole log and how far every group is",
        reads=TOPICS,
        reads_dead=TOPICS,
        sees_groups=(*_WATCHED_GROUPS, "analytics"),
    ),
    KafkaPrincipal(
        name="reader",
        purpose="commands that read the whole log: replay of decisions, the demo's ledger, copies",
        reads=TOPICS,
        reads_dead=TOPICS,
    ),
    KafkaPrincipal(
        name="partner",
        purpose="another agency: reads which centre owns which report, and what is done; each further one is a copy"
        " with a name of its own",
        reads=(ROUTINGS, CASES),
        groups=("partner",),
    ),
)
"""Everybody but the administrator, who makes topics, users and ACLs and signs in with a certificate alone."""
BY_NAME: Final = {principal.name: principal for principal in PRINCIPALS}


def all_acls(prefix: str = "") -> list[Acl]:
    """Every right of everybody."""
    return [acl for principal in PRINCIPALS for acl in principal.acls(prefix)]
