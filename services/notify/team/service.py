"""Keeps duty at each center, as its staff say. Tells routing and the open consoles of every change."""

from collections.abc import Callable
from typing import Final

from services.notify.request_audit import RequestAudit, no_audit
from services.notify.team.models import CenterDuty
from services.notify.team.repository import CenterStore
from services.notify.team.rules import duty_action, set_duty
from shared.clock import Clock
from shared.errors import TransientError
from shared.events.vocabulary import CenterState
from shared.outbox import Relay

_ROUNDS: Final = 20


class DutyChangedError(Exception):
    """Duty was changed since the person looked: by others, or by their own request whose answer was lost."""


class DutyService:
    """Reads and sets what centers can do."""

    def __init__(self, centers: CenterStore, relay: Relay, changed: Callable[[], None], clock: Clock) -> None:
        """``relay`` publishes what the writes embed; ``changed`` tells open consoles."""
        self._centers = centers
        self._relay = relay
        self._changed = changed
        self._clock = clock

    async def get(self, center_id: str) -> CenterDuty:
        """One center."""
        return await self._centers.get(center_id)

    async def all(self) -> dict[str, CenterDuty]:
        """Every center by id."""
        return await self._centers.all()

    async def set_duty(
        self,
        center_id: str,
        state: CenterState,
        staff_on_duty: int,
        cases_per_person: int | None,
        *,
        seen: int | None = None,
        audit: RequestAudit = no_audit,
    ) -> CenterDuty:
        """Say what a center can do from now on. The audit has its line before anything changes.

        ``seen`` is the center's version as the person saw it: raises ``DutyChangedError`` where it is another by now,
        so that a page loaded before a center was closed cannot open it again.
        """
        audited = False
        for _ in range(_ROUNDS):
            center = await self._centers.get(center_id)
            now = self._clock.now()
            after, event = set_duty(center, state, staff_on_duty, cases_per_person, now)
            if event is None:
                return center
            if seen is not None and seen != center.center_version:
                raise DutyChangedError(center_id)
            if not audited:
                await audit(
                    duty_action(after.state),
                    None,
                    None,
                    of=center_id,
                    state=after.state.value,
                    staff=str(staff_on_duty),
                )
                audited = True
            if await self._centers.save(after, center.rev, (event,), now):
                self._relay.enqueue(center_id)
                self._changed()
                return after
        raise TransientError("store: a duty change kept losing races")
