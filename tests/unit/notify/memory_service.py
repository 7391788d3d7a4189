"""A desk over cases in memory, for tests of what it passes to the decisions."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from typing import Any, cast

from services.notify.cases.consumers import RoutingsHandler
from services.notify.cases.models import Case
from services.notify.cases.repository import CaseStore, Change, Saved
from services.notify.cases.service import CaseService
from services.notify.console.broadcaster import ConsoleBroadcaster
from services.notify.escalation.rules import QuietHours, Rules
from shared.clock import Clock
from shared.identity.principal import Principal
from shared.identity.roles import StaffRole
from shared.identity.tokens import ACCESS_LASTS
from tests.unit.notify.samples import NOW

NIGHT = Rules(quiet=QuietHours(time(22), time(7)))


class Cases:
    """As much of the store of cases as an act needs."""

    def __init__(self, *cases: Case) -> None:
        self.kept = {case.report_id: case for case in cases}

    async def load(self, report_ids: Sequence[str], skipped: object = None) -> dict[str, Case]:
        del skipped
        return {one: self.kept[one] for one in report_ids if one in self.kept}

    async def save(self, changes: Sequence[Change], now: datetime) -> Saved:
        del now
        lost = {one.case.report_id for one in changes if self.kept.get(one.case.report_id) != one.before}
        self.kept.update({one.case.report_id: one.case for one in changes if one.case.report_id not in lost})
        return Saved(frozenset(lost))


class NothingHeld:
    """Alerts of a process that holds none."""

    def hold(self, cases: Sequence[Case], now: datetime) -> list[Case]:
        del now
        return list(cases)

    def begin(self, cases: Iterable[Case]) -> None:
        del cases


class At:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now


class Offered:
    """A relay that publishes nothing."""

    def enqueue(self, key: str) -> None:
        del key


def desk_of(cases: Cases, now: datetime) -> CaseService:
    anything = cast("Any", None)
    relay = cast("Any", Offered())
    return CaseService(
        cast("Any", cases), anything, ConsoleBroadcaster(), relay, anything, NIGHT, cast("Clock", At(now))
    )


def routings_handler(cases: Cases, now: datetime) -> RoutingsHandler:
    """The handler of `routings` over cases in memory."""
    return RoutingsHandler(cast("CaseStore", cases), ConsoleBroadcaster(), cast("Clock", At(now)), NIGHT, NothingHeld())


def staff(subject: str) -> Principal:
    return Principal(subject, "gwangju", frozenset({StaffRole.COUNSELLOR}), "session", NOW, NOW + ACCESS_LASTS)
