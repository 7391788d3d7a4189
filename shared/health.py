"""What a process says of itself: live (do not kill me) and ready (send me work)."""

from collections.abc import Callable
from dataclasses import dataclass, field

Check = Callable[[], str | None]
"""Returns None while all is well, otherwise one line that says what is wrong. Must not block."""


Note = Callable[[], str]
"""Returns one line worth knowing that asks for nothing. Must not block."""


@dataclass(slots=True)
class Health:
    """Named checks; a failing live check asks for a restart, a failing ready check for patience, a note for neither."""

    live: dict[str, Check] = field(default_factory=dict)
    ready: dict[str, Check] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)

    def live_report(self) -> tuple[bool, dict[str, str]]:
        """All live checks: fine or not, and each one's word."""
        return _report(self.live)

    def ready_report(self) -> tuple[bool, dict[str, str]]:
        """All live and ready checks: fine or not, and each one's word; what is only to be known stands beside them."""
        fine, words = _report({**self.live, **self.ready})
        return fine, {**words, **{name: note() for name, note in self.notes.items()}}


def _report(checks: dict[str, Check]) -> tuple[bool, dict[str, str]]:
    words = {name: check() for name, check in checks.items()}
    return all(word is None for word in words.values()), {name: word or "ok" for name, word in words.items()}
