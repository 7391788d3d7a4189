"""The names colleagues know each other by, for notify's own pages alone; events and logs say the subject."""

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from services.notify.accounts.store.accounts import AccountStore
from shared.clock import Clock

_FRESH_S: Final = 60.0
_MOST: Final = 5000


class Names:
    """Looks displays up and remembers them for a minute."""

    def __init__(self, accounts: AccountStore, clock: Clock) -> None:
        """Nothing is read yet."""
        self._accounts = accounts
        self._clock = clock
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()

    async def display_of(self, subjects: Iterable[str]) -> dict[str, str]:
        """The display of each subject; whoever is unknown keeps the subject. Raises ``TransientError``."""
        wanted = set(subjects)
        now = self._clock.monotonic()
        missing = [subject for subject in wanted if subject not in self._known or self._known[subject][1] <= now]
        if missing:
            found = await self._accounts.displays(missing)
            for subject in missing:
                self._known.pop(subject, None)
                self._known[subject] = (found.get(subject, subject), now + _FRESH_S)
        displays = {subject: self._known[subject][0] for subject in wanted}
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return displays
