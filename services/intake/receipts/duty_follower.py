"""Follows `centers`: who is on duty where, kept in memory, so that what is promised follows it."""

import asyncio
from datetime import datetime

from services.intake.receipts import duty, promise
from services.intake.receipts.promise import Outlook
from shared.centers import CENTER_IDS
from shared.clock import Clock
from shared.events.centers import CenterChanged
from shared.kafka.decoding import Received
from shared.kafka.reader import Follower
from shared.settings import KafkaSettings
from shared.topics import CENTERS


class DutyFollower:
    """Duty of all centres, as they said. Empty until Kafka has answered once: then the longer times are promised."""

    def __init__(self, settings: KafkaSettings, clock: Clock) -> None:
        """``settings`` say where Kafka is."""
        self._shifts: dict[str, duty.Shifts] = {}
        self._follower = Follower(settings, (CENTERS,), self.apply, from_start=True, clock=clock)
        self.check = self._follower.check

    async def run(self) -> None:
        """Follow, until cancelled."""
        try:
            await self._follower.start()
            await asyncio.Event().wait()
        finally:
            await self._follower.stop()

    def apply(self, received: Received) -> None:
        """Take in one record."""
        event = received.event
        if isinstance(event, CenterChanged):
            self._shifts[event.center_id] = duty.shifts_after(self._shifts.get(event.center_id, ()), event)

    def first_on_duty(self, center_id: str, moment: datetime) -> datetime | None:
        """See ``receipts.promise.FirstOnDuty``."""
        return duty.first_on_duty(self._shifts.get(center_id, ()), moment)

    def outlook(self, moment: datetime) -> Outlook:
        """Return the promise for a reporter whose centre is not known, now or at an earlier moment."""
        staffed = [self.first_on_duty(center_id, moment) == moment for center_id in CENTER_IDS]
        return promise.outlook(staffed, moment)
