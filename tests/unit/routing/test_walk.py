"""How many files one reads to follow a report from its topic to its owner on `routings`."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from services.routing.consumers import consumers
from tests.unit.routing.builders import received
from tests.unit.routing.fake_log import Place, received_record

ROUTING: Final = Path(consumers.__code__.co_filename).parent
READ: Final = {
    *("consumers.py", "service.py", "record_encoding.py", "transitions/rules.py"),
    *("assignment/rules.py", "assignment/geography.py"),
    *("state/changelog.py", "state/folder.py", "state/loads.py", "state/partition.py"),
    *("state/report_states.py", "state/store.py"),
}
"""What must be opened to follow it."""
MOST: Final = 12


def files_entered(into: set[str]) -> Callable[[FrameType, str, Any], None]:
    """A profiler that notes each file of routing in which a function is called."""

    def note(frame: FrameType, event: str, arg: Any) -> None:
        del arg
        file = Path(frame.f_code.co_filename)
        if event == "call" and ROUTING in file.parents:
            into.add(file.relative_to(ROUTING).as_posix())

    return note


async def test_a_report_crosses_few_files_on_its_way_to_an_owner() -> None:
    place, found = Place(), {"consumers.py"}
    worker, _, _ = await place.worker()
    report = received_record(received(1), 0)
    sys.setprofile(files_entered(found))
    try:
        await worker.handle([report])
    finally:
        sys.setprofile(None)
    assert len(place.routings.events()) == 1
    # Values are read where they are used: models hold no step of the way.
    assert {file for file in found if not file.endswith("models.py")} == READ
    assert len(READ) <= MOST


def test_the_architecture_names_every_file_of_it() -> None:
    text = (ROUTING.parents[1] / "docs" / "architecture.md").read_text()
    said = text[text.index("A report's way from `reports`") :].partition("\n\n")[0]
    assert [name for name in READ if f"`{name.removesuffix('.py')}`" not in said] == []
