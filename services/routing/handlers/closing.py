"""Empties closed centres: asks again and again, for closing is a level and not an edge."""

from services.routing.handlers.worker import Worker
from shared import log
from shared.clock import Clock
from shared.errors import TransientError

_log = log.get(__name__)


class Closing:
    """Asks the worker again and again whether closed centres still own something."""

    def __init__(self, worker: Worker, clock: Clock, every_s: float) -> None:
        self._worker = worker
        self._clock = clock
        self._every_s = every_s

    async def run(self) -> None:
        """Until cancelled. What could not be published is moved next time."""
        while True:
            await self._clock.sleep(self._every_s)
            try:
                await self._worker.move_from_closed()
            except TransientError as error:
                _log.warning("routing.closing_delayed", error=str(error))
