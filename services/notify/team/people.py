"""Who is who among staff: the names colleagues know each other by, kept in memory for a while."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Protocol

from services.notify.cases.models import Case
from shared.clock import Clock
from shared.identity.roles import StaffRole

_KEPT_S: Final = 60.0
_MOST: Final = 5_000
WORKERS: Final = frozenset({StaffRole.COUNSELLOR, StaffRole.LEAD})
"""Who can have a case."""


class Colleague(Protocol):
    """What is asked of an account here."""

    @property
    def subject(self) -> str:
        """The opaque reference."""

    @property
    def display(self) -> str:
        """The name at work."""

    @property
    def name(self) -> str:
        """What pages of accounts are ordered by."""

    @property
    def roles(self) -> tuple[StaffRole, ...]:
        """What they work as."""

    @property
    def state(self) -> str:
        """``active``, or something else."""


class Accounts(Protocol):
    """Where accounts are kept."""

    async def displays(self, subjects: Sequence[str]) -> dict[str, str]:
        """The names of these subjects; unknown ones are missing."""

    async def of(self, organisation: str | None, after: str = "") -> Sequence[Colleague]:
        """A page of an organisation's accounts by name."""


class People:
    """Names by subject. Whom nobody knows is called by the subject itself."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        """Asks the accounts only when names are wanted."""
        self._accounts = accounts
        self._clock = clock
        self._names: dict[str, tuple[str, float]] = {}

    def name(self, subject: str | None) -> str:
        """The name, as far as it was learnt."""
        known = self._names.get(subject or "")
        return known[0] if known is not None else subject or ""

    async def learn(self, subjects: Iterable[str | None]) -> None:
        """Learn the names of these people. Raises ``TransientError`` while the store is away."""
        now = self._clock.monotonic()
        wanted = sorted({s for s in subjects if s and (s not in self._names or now - self._names[s][1] > _KEPT_S)})
        if not wanted:
            return
        if len(self._names) > _MOST:
            self._names.clear()
        found = await self._accounts.displays(wanted)
        self._names.update({subject: (found.get(subject, subject), now) for subject in wanted})

    async def learn_rows(self, cases: Iterable[Case]) -> None:
        """Learn who has these cases."""
        await self.learn(subject for case in cases for subject in (case.assignee, case.acknowledged_by))

    async def learn_story(self, case: Case) -> None:
        """Learn everybody a case's timeline names."""
        lines = (subject for entry in case.entries for subject in (entry.by, entry.assignee))
        await self.learn((*lines, case.assignee, case.acknowledged_by, case.offer.by if case.offer else None))

    async def colleagues(self, organisation: str) -> Mapping[str, str]:
        """Everybody at an organisation who can have a case: names by subject, in the order of names."""
        found: dict[str, str] = {}
        after = ""
        while page := await self._accounts.of(organisation, after):
            after = page[-1].name
            found |= {a.subject: a.display for a in page if a.state == "active" and WORKERS.intersection(a.roles)}
        return dict(sorted(found.items(), key=lambda pair: pair[1]))
