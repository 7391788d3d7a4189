"""How many files a report's way from the API to the topic is read in: few enough for one sitting."""

import asyncio
import re
import sys
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

from tests.integration.intake.harness import LEAST, IntakeHarness
from tests.support.waiting import eventually

ROOT: Final = Path(__file__).parents[3]
INTAKE: Final = f"{ROOT / 'services' / 'intake'}/"
READ: Final = (
    *("submissions/api.py", "clients/dependencies.py", "submissions/models.py", "submissions/service.py"),
    *("links/service.py", "submissions/rules.py", "submissions/facts.py", "submissions/urgency.py"),
    *("reports/documents.py", "reports/events.py", "submissions/batch_insert.py"),
)
"""What must be opened to follow it; ``shared/outbox.py`` is the last."""
HELPERS: Final = (
    *("clients/authentication.py", "clients/models.py", "clients/repository.py", "clients/rules.py"),
    *("dependencies.py", "disk/"),
    *("encryption/", "links/repository.py", "links/rules.py", "proofs/rules.py", "rate_limits/"),
    *("reports/authentication.py", "reports/models.py", "reports/receipt_numbers.py", "reports/waiting_period.py"),
    *("submissions/media.py", "submissions/registration_numbers.py", "submissions/text.py"),
)
"""What is handed something small whose name says what comes back."""
_FOLLOWED: Final = ContextVar("followed", default=False)
"""Set for the request and whatever it starts."""
MOST: Final = 12


@pytest.mark.own_service  # every file that its process runs is counted
async def test_a_report_is_followed_to_the_topic_in_few_files(harness: IntakeHarness) -> None:
    crossed = set[str]()

    def followed() -> bool:
        """Whether the report itself is at work, and no periodic work that happens to run meanwhile."""
        task = asyncio.current_task()
        return _FOLLOWED.get() or (task is not None and task.get_name() == "relay")

    def calls(frame: FrameType, what: str, argument: Any) -> None:
        del argument
        name = frame.f_code.co_filename
        if what == "call" and name.startswith(INTAKE) and followed():
            crossed.add(name.removeprefix(INTAKE))

    _FOLLOWED.set(True)
    sys.setprofile(calls)
    try:
        lodged = await harness.lodge({**LEAST, "narrative": "x"})
        await eventually(harness.nothing_pending)
    finally:
        sys.setprofile(None)
    assert lodged.status_code == 202
    walk = {name for name in crossed if not name.startswith(HELPERS)}
    assert walk == set(READ)
    assert len([*READ, "shared/outbox.py"]) <= MOST


def test_the_architecture_names_every_file_of_it() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    said = re.search(r"A report's way from `POST /api/v1/reports`.*?\n\n", text, re.DOTALL)
    assert said is not None
    assert [name for name in READ if Path(name).name not in said.group()] == []
