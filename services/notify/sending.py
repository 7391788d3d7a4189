"""What is sent for claimed cases: the mails, and a last look before each whether it still should go."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from services.notify import policy
from services.notify.directory import address
from services.notify.hub import Hub
from services.notify.model import Case, Target
from services.notify.policy import Notice, Plan, Result
from services.notify.rendering import Mail, case_mail
from services.notify.settings import NotifySettings
from services.notify.store.cases import CaseStore
from shared.clock import Clock
from shared.errors import TransientError

FRESH_S: Final = 0.1
"""How old a look at the store may be when a mail goes; a read per mail would halve the pace of a surge."""
_LOOK_AHEAD: Final = 16


@dataclass(slots=True)
class Work:
    """One claimed case on its way through a pass."""

    case: Case
    plan: Plan | None
    notice: Notice | None = None
    results: list[Result] = field(default_factory=list)
    noticed: Result | None = None

    @property
    def planned(self) -> Plan:
        """What the ladder says; only asked for where there is something."""
        if self.plan is None:
            raise RuntimeError("nothing was planned for this case")
        return self.plan


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail to send and what it is for: a rung of the ladder (``target``), or the offer."""

    item: Work
    target: Target | None
    alert_id: str
    mail: Mail


def letters(work: Sequence[Work], settings: NotifySettings, clock: Clock) -> list[Letter]:
    """Every mail that is due."""
    made: list[Letter] = []
    for item in work:
        for target in item.plan.targets if item.plan is not None else ():
            alert = policy.alert_id(item.case.report_id, item.planned, target)
            to = address(settings, item.planned.center_id, target)
            made.append(Letter(item, target, alert, _mail(item.case, alert, to, settings, clock, offered=False)))
        notice = item.notice
        if notice is not None:
            to = address(settings, notice.to_center_id, notice.target)
            mail = _mail(item.case, notice.alert_id, to, settings, clock, offered=True)
            made.append(Letter(item, None, notice.alert_id, mail))
    return made


def _mail(case: Case, alert_id: str, to: str, settings: NotifySettings, clock: Clock, *, offered: bool) -> Mail:
    return case_mail(
        alert_id=alert_id,
        to=to,
        sender=settings.mail_from,
        name=case.alias,
        urgency=case.urgency,
        received_at=case.received_at,
        link=f"{settings.public_urls['notify'].rstrip('/')}/cases/{case.report_id}",
        now=clock.now(),
        offered=offered,
    )


class LastLook:
    """Says right before a mail goes whether it still should: nobody withdrew, answered or moved the case meanwhile.

    A newer state that this process gave out counts at once; the store is asked at most every tenth of a second.
    """

    def __init__(self, letters: Sequence[Letter], cases: CaseStore, hub: Hub, clock: Clock) -> None:
        self._letters = letters
        self._cases = cases
        self._hub = hub
        self._clock = clock
        self._seen: dict[str, tuple[tuple[int | None, str | None], float]] = {}

    async def __call__(self, index: int) -> bool:
        """Whether letter ``index`` may go. While the store is away none may: the next claim sends them."""
        letter = self._letters[index]
        report_id = letter.item.case.report_id
        given = self._hub.given(report_id)
        if given is not None and given.rev > letter.item.case.rev and not _wanted(letter, _standing(given)):
            return False
        known = self._seen.get(report_id)
        if known is None or self._clock.monotonic() - known[1] > FRESH_S:
            try:
                await self._look(index)
            except TransientError:
                return False
            known = self._seen.get(report_id)
        return known is not None and _wanted(letter, known[0])

    async def _look(self, index: int) -> None:
        ahead = [letter.item.case.report_id for letter in self._letters[index : index + _LOOK_AHEAD]]
        at = self._clock.monotonic()
        for report_id, standing in (await self._cases.standing(ahead)).items():
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
