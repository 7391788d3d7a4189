"""Pages that list others: events with their topics and schemas, and decisions with their status."""

import re
from pathlib import Path
from typing import NamedTuple

from shared.events.catalog import EVENT_TYPES, types_of
from shared.topics import TOPICS

DECISIONS = Path(__file__).parents[2] / "docs" / "decisions"
_STATUS = re.compile(r"^Status: (accepted|proposed|superseded)\b(.*)$", re.MULTILINE)
_EVENTS_HEAD = """# Topics and events

Written by `make docs` from `shared/topics.py` and `shared/events/`; `make check` compares. Events are
CloudEvents 1.0 in Kafka's binary mode: `ce_*` headers and a JSON body. Bad records of a topic go to `<topic>.dead` with
reason and origin in their headers.

[AsyncAPI 3.0](../asyncapi/ieum.yaml) of every consumer and writer, as FastStream describes them.
"""
_DECISIONS_HEAD = """# Decisions

Written by `make docs` from the records in this folder; `make check` compares. A record is short: context,
decision, consequence. A decision that is replaced keeps its number and says what replaced it.

| | decision | status | since |
|---|---|---|---|
"""


class DecisionRecord(NamedTuple):
    """A record: its number, title, status, the rest of the status line, and its file."""

    number: int
    title: str
    status: str
    since: str
    file: str


def files() -> dict[str, str]:
    """The pages, by their paths below ``docs``."""
    rows = [f"| {d.number} | [{d.title}]({d.file}) | {d.status} | {d.since} |\n" for d in decisions()]
    return {"reference/events.md": _events(), "decisions/index.md": _DECISIONS_HEAD + "".join(rows)}


def decisions(folder: Path = DECISIONS) -> list[DecisionRecord]:
    """Every record, by number. Raises ValueError for one without a title with its number or without a status."""
    return [_decision(file) for file in sorted(folder.glob("[0-9]*.md"))]


def _decision(file: Path) -> DecisionRecord:
    text = file.read_text(encoding="utf-8")
    number, _, title = text.partition("\n")[0].removeprefix("# ").partition(". ")
    if not number.isdigit() or int(number) != int(file.name[:4]):
        raise ValueError(f"{file.name}: the first line is not '# {int(file.name[:4])}. Title'")
    status = _STATUS.search(text)
    if status is None:
        raise ValueError(f"{file.name}: no line 'Status: accepted, <date>' (or proposed, superseded)")
    return DecisionRecord(int(number), title, status[1], status[2].lstrip(" ,"), file.name)


def _events() -> str:
    parts = [_EVENTS_HEAD]
    for topic in TOPICS:
        kept = "compacted" if topic.compacted else "kept for ever"
        readers = ", ".join(topic.readers)
        parts.append(
            f"\n## `{topic.name}`\n\nKey `{topic.key}`; written by {topic.writer}; read by {readers}; {kept}.\n"
            "\n| type | meaning | schema |\n|---|---|---|\n"
        )
        for name in types_of(topic.name):
            meaning = (EVENT_TYPES[name].__doc__ or "").strip().splitlines()[0].replace("|", "\\|")
            parts.append(f"| `{name}` | {meaning} | [JSON Schema](../events/{name}.schema.json) |\n")
    return "".join(parts)
