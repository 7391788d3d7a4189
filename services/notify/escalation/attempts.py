"""Which alerts are due for claimed cases, to which endpoints, and as which messages."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.notify.cases.models import Case, Target
from services.notify.escalation import rules as policy
from services.notify.escalation.messages import ASK_OF, Alert, Ask
from services.notify.escalation.recipients import Directory
from services.notify.escalation.rules import Endpoint, Left, Notice, Plan, Result, Sent
from shared.events.vocabulary import AlertChannel


@dataclass(slots=True)
class Work:
    """One claimed case on its way through a pass."""

    case: Case
    plan: Plan | None
    notice: Notice | None = None
    results: list[Result] = field(default_factory=list)
    noticed: Result | None = None
    wanted: list[Endpoint] = field(default_factory=list)
    """Where the ladder's rung is to be told now."""
    later: datetime | None = None
    """When what was left for a bundle goes."""

    @property
    def planned(self) -> Plan:
        """What the ladder says; only asked for where there is something."""
        if self.plan is None:
            raise RuntimeError("nothing was planned for this case")
        return self.plan

    @property
    def left(self) -> Left:
        """What was wanted and came to nothing yet: left for a bundle, too late, or no store to look at before."""
        tried = {result.endpoint for result in self.results}
        return Left(tuple((e.target, e.key) for e in self.wanted if e.key not in tried), self.later)

    @property
    def settles(self) -> bool:
        """Whether there is something to write down: something came of it, waits for a bundle, or nothing was wanted.

        Nothing is wanted where an endpoint that was to be tried again is there no more.
        """
        return bool(self.results) or self.later is not None or not self.wanted

    def wait_until(self, later: datetime) -> None:
        """Something of it is left for a bundle that goes then."""
        self.later = later if self.later is None else min(self.later, later)


@dataclass(frozen=True, slots=True)
class Letter:
    """One alert to one endpoint and what it is for: a rung of the ladder (``target``), or the offer (none)."""

    item: Work
    target: Target | None
    endpoint: Endpoint
    alert: Alert


@dataclass(frozen=True, slots=True)
class Parcel:
    """Letters that go to one endpoint as one message."""

    endpoint: Endpoint
    letters: tuple[Letter, ...]


def letters(work: Sequence[Work], directory: Directory) -> list[Letter]:
    """Every alert that is due. Whoever has no endpoint at all is noted in the work as not reached."""
    made: list[Letter] = []
    for item in work:
        if item.plan is not None:
            made += _of_ladder(item, item.plan, directory)
        if item.notice is not None:
            made += _of_offer(item, item.notice, directory)
    return made


def _of_ladder(item: Work, made: Plan, directory: Directory) -> list[Letter]:
    chosen, nowhere = policy.reached_by(made, directory.of(made.center_id))
    for target in nowhere:
        alert_id = policy.alert_id(item.case.report_id, made, target)
        item.results.append(Result(target, alert_id, ok=False, channel=AlertChannel.NONE))
    item.wanted = chosen
    return [
        Letter(
            item,
            endpoint.target,
            endpoint,
            _alert(item.case, policy.alert_id(item.case.report_id, made, endpoint.target), ASK_OF[made.cause]),
        )
        for endpoint in chosen
    ]


def _of_offer(item: Work, notice: Notice, directory: Directory) -> list[Letter]:
    mails = [
        endpoint
        for endpoint in directory.of(notice.to_center_id)
        if endpoint.target is notice.target and endpoint.channel is AlertChannel.EMAIL
    ]
    if not mails:
        item.noticed = Result(notice.target, notice.alert_id, ok=False, reason="no_channel", channel=AlertChannel.NONE)
    return [Letter(item, None, mails[0], _alert(item.case, notice.alert_id, Ask.OFFER))] if mails else []


def _alert(case: Case, alert_id: str, ask: Ask) -> Alert:
    return Alert(
        alert_id=alert_id,
        ask=ask,
        alias=case.alias,
        urgency=case.urgency,
        received_at=case.received_at,
        path=f"/cases/{case.report_id}",
    )


def parcels(due: Sequence[Letter], sent: Mapping[str, Sent], now: datetime) -> list[Parcel]:
    """The messages to send now. What a place that had many is to get later is noted in the work.

    An offer always goes alone: it asks for something else, and there are few. Nothing is left twice: in a surge more
    cases than one pass takes wait at a place, and each pass would close it for the next one.
    """
    made = [Parcel(letter.endpoint, (letter,)) for letter in due if letter.target is None]
    places: dict[str, list[Letter]] = defaultdict(list)
    for letter in due:
        if letter.target is not None:
            places[letter.endpoint.key].append(letter)
    for key, waiting in places.items():
        before = sent.get(key, Sent())
        waited = any(_gathered(letter) for letter in waiting)
        later = None if waited else policy.gathers_until(before, now)
        # A full bundle need not wait for more: in a surge nobody waits for the sake of fewer messages.
        held = len(waiting) % policy.BUNDLE_SIZE if later is not None else 0
        ready = waiting[: len(waiting) - held]
        made += [Parcel(waiting[0].endpoint, tuple(some)) for some in policy.bundles(ready, before, now)]
        if later is not None:
            for letter in waiting[len(ready) :]:
                letter.item.wait_until(later)
    return made


def _gathered(letter: Letter) -> bool:
    ladder = letter.item.case.ladder
    return ladder is not None and ladder.gathered
