"""A notify whose ladder runs in seconds, and that kills itself at named points, once for each mark in a folder.

``python -m tests.kill.hasty_notify FOLDER`` is notify. ``FOLDER/claimed``: after the next claim, before anything is
sent; ``sent``: after sending, before anything is recorded; ``gathered``: after writing how often each place was told;
``recorded``: after a write of cases (a pass, or a batch of routing's), before anything is published or committed.
"""

import sys
from datetime import timedelta
from pathlib import Path
from typing import Final

from services.notify import main as notify
from services.notify.cases.repository import CaseStore
from services.notify.escalation import rules
from services.notify.escalation.delivery import Delivery
from services.notify.escalation.repository import RecentAlertStore
from shared import process
from tests.kill.between import deadly_after

POINTS: Final = ("claimed", "sent", "gathered", "recorded")
WAIT: Final = timedelta(seconds=8)
REPEAT: Final = timedelta(seconds=600)
"""The last step is told once while a test lasts: then every alert there must be can be counted."""


def in_seconds() -> None:
    """The same ladder, with seconds in the place of minutes; bundles gather for a second."""
    rules.GAP = timedelta(seconds=1)  # type: ignore[misc]  # a constant everywhere but here
    for urgency, steps in rules.ESCALATION_POLICY.items():
        rules.ESCALATION_POLICY[urgency] = tuple(
            rules.EscalationStep(step.who, step.channels, REPEAT if step is steps[-1] else WAIT) for step in steps
        )


def main(folder: Path) -> None:
    """Run notify with the blows in it."""
    in_seconds()
    claim = deadly_after(CaseStore.claim, folder / "claimed", only_if=bool)
    setattr(CaseStore, "claim", claim)  # noqa: B010  # a type checker would rightly refuse it
    setattr(Delivery, "send", deadly_after(Delivery.send, folder / "sent"))  # noqa: B010  # as above
    setattr(RecentAlertStore, "save", deadly_after(RecentAlertStore.save, folder / "gathered"))  # noqa: B010  # as above
    setattr(CaseStore, "save", deadly_after(CaseStore.save, folder / "recorded"))  # noqa: B010  # as above
    process.run(notify.run)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
