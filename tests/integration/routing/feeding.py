"""What intake and notify would send while everything around them dies: each event until it is acknowledged.

Reports at a steady rate; five in a hundred come twice, half of these at once and half long after. Reporters amend,
write, withdraw and think again; staff act on what a reader of `routings` has seen, which may be out of date.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.centers import CENTER_IDS
from shared.errors import FatalError, TransientError
from shared.events.base import Event
from shared.events.cases import CaseAcknowledged, CaseClosed, CaseReopened, CaseTransferAccepted
from shared.events.centers import CenterChanged
from shared.events.reports import ReportMessageLeft, ReportReceived, ReportReinstated, ReportWithdrawn
from shared.events.vocabulary import CenterState, Outcome
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings
from tests.integration.routing.reader import Reader, Seen
from tests.integration.routing.running import Maker, record_of

TICK_S = 0.25
TWICE = 0.05
TO_NOBODY = 5
"""So many reports are offered at the end to a centre that does not exist: chance alone may have drawn none."""
NO_SUCH_CENTER = "atlantis"


class Post:
    """Publishes as an outbox does: until it is acknowledged, however often the broker dies."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._publisher: Publisher | None = None
        self._turn = asyncio.Lock()

    async def send(self, events: Iterable[Event]) -> None:
        records = [record_of(event) for event in events]
        async with self._turn:
            while True:
                try:
                    if self._publisher is None:
                        self._publisher = Publisher(self._settings)
                        await self._publisher.start()
                    await self._publisher.publish(records)
                except (TransientError, FatalError):
                    await self.close()
                    await asyncio.sleep(0.2)
                else:
                    return

    async def close(self) -> None:
        if self._publisher is not None:
            await self._publisher.stop()
        self._publisher = None


@dataclass(slots=True)
class Lodged:
    """A report as intake knows it."""

    event: ReportReceived
    version: int = 1
    withdrawn: bool = False


class Feed:
    """Everything that is sent. ``reader`` is what staff see."""

    def __init__(self, post: Post, reader: Reader, seed: int, rate: float) -> None:
        self._post = post
        self._reader = reader
        self._dice = random.Random(seed)
        self._make = Maker(seed)
        self._rate = rate
        self._case_versions: Counter[str] = Counter()
        self._center_versions: Counter[str] = Counter()
        self._told: list[Event] = []
        self.lodged: dict[str, Lodged] = {}
        self.closed: set[str] = set()
        self.sent: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop."""
        while not stop.is_set():
            await self.tick()
            await asyncio.sleep(TICK_S)  # the rate of the load

    async def tick(self) -> None:
        """A quarter of a second of a busy day."""
        new = [self._received() for _ in range(max(1, round(self._rate * TICK_S)))]
        again = [event for event in new if self._dice.random() < TWICE / 2]
        old = [lodged.event for lodged in self._some(len(new) * TWICE / 2)]
        await self._send("received", new)
        for event in new:
            self.lodged[event.report_id] = Lodged(event)
        await self._send("twice at once", again)
        await self._send("twice long after", old)
        await self._reporters(len(new))
        await self._staff(len(new))

    async def old_again(self, share: float = TWICE) -> None:
        """At the end, reports received long before are sent again, the oldest first, and what was done with cases."""
        oldest = list(self.lodged.values())[: round(len(self.lodged) * share)]
        await self._send("twice long after", [lodged.event for lodged in oldest])
        await self._send("done twice", self._dice.sample(self._told, round(len(self._told) * share)))

    async def to_nobody(self) -> None:
        """A few reports are handed to a centre that does not exist, which must be refused each time."""
        open_cases = [(report, seen) for report, seen in self._reader.stands.items() if not seen.ended]
        for report, seen in open_cases[:TO_NOBODY]:
            await self._send("transfer to nobody", [self._accepted(report, seen, NO_SUCH_CENTER)])

    async def centers(self, stop: asyncio.Event) -> None:
        """Centres close for seconds and open again, and shifts change. Leaves one closed at the end."""
        while not stop.is_set():
            center = self._dice.choice(["gyeonggi", "gyeonggi", "busan", *CENTER_IDS])
            await self.center(center, CenterState.CLOSED)
            await asyncio.sleep(self._dice.uniform(0.5, 2.5))  # how long it is closed is the load
            await self.center(self._dice.choice(CENTER_IDS), self._dice.choice([*CenterState]))
            for closed in sorted(self.closed)[: -1 if self._dice.random() < 0.5 else None]:
                await self.center(closed, self._dice.choice([CenterState.OPEN, CenterState.SHORT_STAFFED]))
            await asyncio.sleep(self._dice.uniform(0.2, 1.0))
        for center in sorted(self.closed):
            await self.center(center, CenterState.OPEN)
        await self.center("gyeonggi", CenterState.CLOSED)

    async def center(self, center_id: str, state: CenterState) -> None:
        """A centre's state and shift."""
        self._center_versions[center_id] += 1
        (self.closed.add if state is CenterState.CLOSED else self.closed.discard)(center_id)
        staff = 0 if state is CenterState.UNSTAFFED else self._dice.randint(1, 6)
        event = CenterChanged(
            center_id=center_id,
            center_version=self._center_versions[center_id],
            state=CenterState.OPEN if state is CenterState.UNSTAFFED else state,
            staff_on_duty=staff,
            cases_per_person=self._dice.randint(5, 20),
            changed_at=datetime.now(UTC),
        )
        await self._send(f"center {state}", [event])

    def _received(self) -> ReportReceived:
        known = list(self.lodged)[-200:]
        harm = ["illegal_filming", "distribution", "synthesis", "child_material", "online_grooming", "other"]
        more: dict[str, Any] = {
            "harm_types": self._dice.sample(harm, self._dice.choice([1, 1, 2])),
            "age_band": self._dice.choice(["unknown", "under_14", "14_18", "30s"]),
        }
        if known and self._dice.random() < 0.03:
            more["linked_reports"] = [self._dice.choice(known)]
        return self._make.received(**more)

    def _some(self, number: float) -> list[Lodged]:
        """So many of the reports lodged, drawn with replacement; a fraction is a chance."""
        whole = int(number) + (self._dice.random() < number % 1)
        known = list(self.lodged.values())
        return [self._dice.choice(known) for _ in range(whole)] if known else []

    async def _reporters(self, new: int) -> None:
        for lodged in self._some(new * 0.2):
            await self._later(lodged)
        for lodged in self._some(new * 0.15):
            if lodged.withdrawn:
                await self._later(lodged)

    async def _later(self, lodged: Lodged) -> None:
        report, version, now = lodged.event.report_id, lodged.version + 1, datetime.now(UTC)
        what = "reinstated" if lodged.withdrawn else self._dice.choice(["amended", "amended", "message", "withdrawn"])
        event: Event
        match what:
            case "amended":
                event = self._make.amended(report, version)
            case "message":
                event = ReportMessageLeft(report_id=report, intake_version=version, left_at=now)
            case "withdrawn":
                event = ReportWithdrawn(report_id=report, intake_version=version, withdrawn_at=now)
            case _:
                event = ReportReinstated(report_id=report, intake_version=version, reinstated_at=now)
        lodged.version, lodged.withdrawn = version, what == "withdrawn"
        await self._send(what, [event, event] if self._dice.random() < TWICE else [event])

    async def _staff(self, new: int) -> None:
        seen = list(self._reader.stands.items())
        if not seen:
            return
        acts: list[tuple[float, Callable[[str, Seen], tuple[str, Event] | None]]] = [
            (0.4, self._acknowledge),
            (0.15, self._transfer),
            (0.1, self._close),
            (0.1, self._reopen),
        ]
        for share, act in acts:
            for _ in range(int(new * share) + (self._dice.random() < new * share % 1)):
                if (done := act(*self._dice.choice(seen))) is not None:
                    what, event = done
                    self._told.append(event)
                    await self._send(what, [event, event] if self._dice.random() < TWICE else [event])

    def _case(self, report: str, seen: Seen) -> dict[str, Any]:
        self._case_versions[report] += 1
        return {
            "report_id": report,
            "case_version": self._case_versions[report],
            "ownership": seen.ownership,
            "center_id": seen.owner,
            "at": datetime.now(UTC),
        }

    def _acknowledge(self, report: str, seen: Seen) -> tuple[str, Event] | None:
        return None if seen.ended else ("acknowledged", CaseAcknowledged(**self._case(report, seen)))

    def _close(self, report: str, seen: Seen) -> tuple[str, Event] | None:
        return None if seen.ended else ("closed", CaseClosed(**self._case(report, seen), outcome=Outcome.SUPPORTED))

    def _reopen(self, report: str, seen: Seen) -> tuple[str, Event] | None:
        return ("reopened", CaseReopened(**self._case(report, seen))) if seen.ended == "closed" else None

    def _transfer(self, report: str, seen: Seen) -> tuple[str, Event] | None:
        if seen.ended:
            return None
        kinds = {
            "anywhere": [*CENTER_IDS],
            "to the present owner": [seen.owner],
            "to a declined one": [*seen.declined],
            "to a closed one": sorted(self.closed),
            "to central": ["central"],
            "to nobody": [NO_SUCH_CENTER],
        }
        likely = ["anywhere"] * 12 + ["to a closed one"] * 3 + ["to a declined one"] * 3 + [*kinds]
        kind = self._dice.choice([name for name in likely if kinds[name]])
        return f"transfer {kind}", self._accepted(report, seen, self._dice.choice(kinds[kind]))

    def _accepted(self, report: str, seen: Seen, center_id: str) -> CaseTransferAccepted:
        case = self._case(report, seen)
        return CaseTransferAccepted(**case, offer_id=f"o{case['case_version']}", to_center_id=center_id)

    async def _send(self, what: str, events: list[Any]) -> None:
        if events:
            await self._post.send(events)
            self.sent[what] += len(events)
