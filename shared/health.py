"""Liveness (do not restart this process) and readiness (send it requests)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

Check = Callable[[], str | None]
"""Returns None while all is well, otherwise one line that says what is wrong. Must not block."""


Note = Callable[[], str]
"""Returns one line worth knowing that asks for nothing. Must not block."""


class HealthReport(NamedTuple):
    """The health of a process: the overall verdict, the word of each check, and whether periodic work fails."""

    fine: bool
    checks: dict[str, str]
    degraded: bool = False


@dataclass(slots=True)
class Health:
    """Named checks; a failing live check asks for a restart, a failing ready check for patience.

    A failing check of ``degraded`` and a note ask for neither: the process answers requests all the same.
    """

    live: dict[str, Check] = field(default_factory=dict)
    ready: dict[str, Check] = field(default_factory=dict)
    degraded: dict[str, Check] = field(default_factory=dict)
    notes: dict[str, Note] = field(default_factory=dict)

    def live_report(self) -> HealthReport:
        """All live checks."""
        return _report(self.live)

    def ready_report(self) -> HealthReport:
        """All live and ready checks, and beside them what is failing without counting or is only to be known."""
        fine, words, _ = _report({**self.live, **self.ready})
        works, beside, _ = _report(self.degraded)
        notes = {name: note() for name, note in self.notes.items()}
        return HealthReport(fine, {**words, **beside, **notes}, degraded=not works)


def _report(checks: dict[str, Check]) -> HealthReport:
    words = {name: check() for name, check in checks.items()}
    return HealthReport(
        all(word is None for word in words.values()), {name: word or "ok" for name, word in words.items()}
    )
