"""Looks right before a message goes whether it still should: nobody withdrew, answered or moved the case meanwhile."""

from collections.abc import Sequence
from typing import Final

from services.notify.cases.models import Case
from services.notify.cases.repository import CaseStore
from services.notify.console.broadcaster import Hub
from services.notify.escalation.attempts import Letter, Parcel
from shared.clock import Clock
from shared.errors import TransientError

FRESH_S: Final = 0.1
"""How old a look at the store may be when a message goes; a read per message would halve the pace of a surge."""
_LOOK_AHEAD: Final = 100


class LastLook:
    """A newer state that this process gave out counts at once; the store is asked at most every tenth of a second."""

    def __init__(self, parcels: Sequence[Parcel], cases: CaseStore, hub: Hub, clock: Clock) -> None:
        self._parcels = parcels
        self._cases = cases
        self._hub = hub
        self._clock = clock
        self._seen: dict[str, tuple[tuple[int | None, str | None], float]] = {}

    async def __call__(self, index: int) -> list[Letter]:
        """What of parcel ``index`` may go. While the store is away nothing may: the next claim sends it."""
        wanted = [letter for letter in self._parcels[index].letters if self._by_hub(letter)]
        if not wanted:
            return []
        if any(self._stale(letter) for letter in wanted):
            try:
                await self._look(index)
            except TransientError:
                return []
        return [letter for letter in wanted if self._by_store(letter)]

    def _by_hub(self, letter: Letter) -> bool:
        given = self._hub.given(letter.item.case.report_id)
        return given is None or given.rev <= letter.item.case.rev or _wanted(letter, _standing(given))

    def _stale(self, letter: Letter) -> bool:
        known = self._seen.get(letter.item.case.report_id)
        return known is None or self._clock.monotonic() - known[1] > FRESH_S

    def _by_store(self, letter: Letter) -> bool:
        known = self._seen.get(letter.item.case.report_id)
        return known is not None and _wanted(letter, known[0])

    async def _look(self, index: int) -> None:
        ahead: dict[str, None] = {}
        for parcel in self._parcels[index:]:
            if ahead and len(ahead) + len(parcel.letters) > _LOOK_AHEAD:
                break
            ahead |= dict.fromkeys(letter.item.case.report_id for letter in parcel.letters)
        at = self._clock.monotonic()
        for report_id, standing in (await self._cases.standing(list(ahead))).items():
            self._seen[report_id] = (standing, at)


def _standing(case: Case) -> tuple[int | None, str | None]:
    return (
        case.ladder.run if case.ladder is not None else None,
        case.offer.offer_id if case.offer is not None else None,
    )


def _wanted(letter: Letter, standing: tuple[int | None, str | None]) -> bool:
    run, offer_id = standing
    if letter.target is None:
        return letter.item.notice is not None and offer_id == letter.item.notice.offer_id
    return run == letter.item.planned.run
