"""Routing as real processes, and traffic to send through them."""

import contextlib
import os
import random
import signal
import sys
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.centers import CENTER_IDS, TABLES
from shared.clock import SystemClock
from shared.events.base import Event, Record, encode
from shared.events.cases import CaseTransferAccepted
from shared.events.centers import CenterChanged
from shared.events.reports import ReportAmended, ReportFacts, ReportReceived
from shared.events.vocabulary import CenterState
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings, StoreSettings
from shared.topics import BY_NAME
from shared.trace import new_traceparent
from tests.support import forking
from tests.support.staff import TestIdentity
from tests.support.waiting import DEADLINE_S
from tools.local import processes
from tools.local.ports import free_port

ROOT = Path(__file__).parents[3]
STAFF = TestIdentity(SystemClock(), "routing")
"""Whom the processes of these tests know: they find the key in the file that outlives a restart, and no notify."""
NOBODY_THERE = "http://127.0.0.1:9"


class Process:
    """One routing process; killed and stopped at will."""

    def __init__(
        self,
        bus: KafkaSettings,
        store: StoreSettings,
        log: Path,
        *,
        module: Sequence[str] = ("services.routing",),
        **env: str,
    ) -> None:
        """``module`` is what is run, with its arguments; ``env`` are settings beyond the usual ones."""
        self.port = free_port()
        self.sources = ROOT
        """The folder it is run from."""
        self.forked = True
        """It need not import for itself what other services do too."""
        self.state_dir = log.with_suffix(".state")
        self._log = log
        self._module = module
        self.env = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": bus.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": bus.topic_prefix,
            "KAFKA_TOPIC_PARTITIONS": str(bus.topic_partitions),
            "KAFKA_REPLICATION_FACTOR": str(bus.replication_factor),
            "MONGODB_URI": store.uri.get_secret_value(),
            "MONGODB_DATABASE_PREFIX": store.database_prefix,
            "ROUTING_PORT": str(self.port),
            "ROUTING_STATE_DIR": str(self.state_dir),
            "IEUM_IDENTITY_URL": NOBODY_THERE,
            "IEUM_KEYS_CACHE": str(keys_file(log.parent)),
            **env,
        }
        self.child: processes.Child | None = None

    def start(self) -> None:
        # It ends with this process, however that ends.
        if self.forked and self.sources == ROOT:
            self.child = forking.start(self._module, log=self._log, env=self.env)
        else:
            command = [sys.executable, "-m", *self._module]
            self.child = processes.start(command, log=self._log, env=self.env, cwd=self.sources)

    def ended(self) -> int | None:
        return self.child.poll() if self.child is not None else None

    def send(self, number: signal.Signals) -> None:
        if self.child is not None and self.child.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it ended, and we are about to hear so
                os.kill(self.child.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGCONT)
        self.send(signal.SIGKILL)
        if self.child is not None:
            self.child.wait(timeout=DEADLINE_S)

    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")


def keys_file(folder: Path) -> Path:
    """The keys as a service of before left them."""
    file = folder / "identity-keys.json"
    file.write_text(STAFF.kept(), encoding="utf-8")
    return file


class Maker:
    """Makes events as intake and notify would."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.reports: list[str] = []

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def facts(self, **more: Any) -> ReportFacts:
        pick = self._random.choice
        given: dict[str, Any] = {
            "role": "victim",
            "harm_types": [pick(["distribution", "illegal_filming", "synthesis"])],
            "urgency": pick(["normal", "normal", "high", "critical"]),
            "urgency_reasons": ["none_of_these"],
            "division": pick([*TABLES.divisions, *TABLES.elsewhere]),
            "channel": pick(["web", "phone"]),
            "language": "ko",
            "declined_centers": [pick(CENTER_IDS)] if self._random.random() < 0.1 else [],
            "synthetic": self._random.random() < 0.02,
            "triage_version": 1,
        }
        return ReportFacts.model_validate(given | more)

    def received(self, **more: Any) -> ReportReceived:
        report_id = self.new_id()
        self.reports.append(report_id)
        return ReportReceived(
            report_id=report_id, intake_version=1, received_at=datetime.now(UTC), facts=self.facts(**more)
        )

    def amended(self, report_id: str, version: int = 2) -> ReportAmended:
        return ReportAmended(
            report_id=report_id, intake_version=version, amended_at=datetime.now(UTC), facts=self.facts()
        )

    def transfer(self, report_id: str, to: str, ownership: int, case_version: int) -> CaseTransferAccepted:
        return CaseTransferAccepted(
            report_id=report_id,
            case_version=case_version,
            ownership=ownership,
            center_id="busan",
            at=datetime.now(UTC),
            offer_id=f"o{case_version}",
            to_center_id=to,
        )


class Traffic(Maker):
    """Publishes them, too."""

    def __init__(self, publisher: Publisher, seed: int) -> None:
        super().__init__(seed)
        self._publisher = publisher
        self._center_versions: dict[str, int] = {}

    async def send(self, *events: Event) -> None:
        await self._publisher.publish([record_of(event) for event in events])

    async def center(self, center_id: str, state: CenterState) -> None:
        version = self._center_versions.get(center_id, 0) + 1
        self._center_versions[center_id] = version
        await self.send(
            CenterChanged(
                center_id=center_id,
                center_version=version,
                state=state,
                staff_on_duty=3,
                cases_per_person=15,
                changed_at=datetime.now(UTC),
            )
        )


def record_of(event: Event) -> Record:
    return encode(event, source=BY_NAME[event.TOPIC].writer, time=datetime.now(UTC), traceparent=new_traceparent())


def in_pieces(events: Sequence[Event], size: int) -> list[Sequence[Event]]:
    return [events[n : n + size] for n in range(0, len(events), size)]
