"""What staff do: acknowledge a case, say who is on duty. Decides, writes over the state it read, tells."""

from typing import Final

from services.notify import instruments
from services.notify.decisions import Answer, Refusal, acknowledge, set_duty
from services.notify.hub import Hub
from services.notify.model import Case, Center
from services.notify.store.cases import CaseStore, Change
from services.notify.store.centers import CenterStore
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.vocabulary import CenterState
from shared.outbox import Relay

_ROUNDS: Final = 20


class Desk:
    """The hands of the console and of the API."""

    def __init__(
        self,
        cases: CaseStore,
        centers: CenterStore,
        hub: Hub,
        case_relay: Relay,
        center_relay: Relay,
        clock: Clock,
    ) -> None:
        """The relays publish what the writes embed."""
        self.cases = cases
        self.centers = centers
        self._hub = hub
        self._case_relay = case_relay
        self._center_relay = center_relay
        self._clock = clock

    async def case(self, report_id: str) -> Case | None:
        """One case."""
        return (await self.cases.load([report_id])).get(report_id)

    async def acknowledge(self, report_id: str, center_id: str, by: str) -> tuple[Case, Refusal | None] | None:
        """Acknowledge for a centre: the case as it is now, and why it was refused; None where there is no such case."""
        for _ in range(_ROUNDS):
            case = await self.case(report_id)
            if case is None:
                return None
            now = self._clock.now()
            answer = acknowledge(case, center_id, by, now)
            if isinstance(answer, Refusal):
                instruments.ACKNOWLEDGED.labels(answer.value).inc()
                return case, answer
            if answer.case is case or await self._write(case, answer):
                instruments.ACKNOWLEDGED.labels("taken" if answer.event else "again").inc()
                return answer.case, None
        raise TransientError("store: an acknowledgement kept losing races")

    async def _write(self, case: Case, answer: Answer) -> bool:
        events = (answer.event,) if answer.event is not None else ()
        saved = await self.cases.save([Change(answer.case, case.rev, events)], self._clock.now())
        if saved.lost:
            return False
        if events:
            self._case_relay.offer(case.report_id)
        self._hub.publish([answer.case])
        return True

    async def set_duty(
        self, center_id: str, state: CenterState, staff_on_duty: int, cases_per_person: int | None
    ) -> Center:
        """Say what a centre can do from now on."""
        for _ in range(_ROUNDS):
            center = await self.centers.get(center_id)
            now = self._clock.now()
            after, event = set_duty(center, state, staff_on_duty, cases_per_person, now)
            if event is None:
                return center
            if await self.centers.save(after, center.rev, (event,), now):
                self._center_relay.offer(center_id)
                self._hub.notice()
                return after
        raise TransientError("store: a duty change kept losing races")
