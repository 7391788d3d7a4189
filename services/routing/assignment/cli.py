"""``ieum replay decisions``: decide every decision of a span again from what it recorded.

Prints 0 differences, or the first of them and ends with 1. Prints numbers, centres and reasons; of a report nothing but
its id, and only where its record does not replay.
Days and moments are Seoul time unless they name a zone; a day as the end means all of it.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import aclosing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from services.routing.assignment.replay import Decided, Replay, Span
from services.routing.settings import RoutingSettings
from shared import log
from shared import settings as configuration
from shared.centers import PACKAGED, from_folder
from shared.clock import SEOUL
from shared.errors import PermanentError, UnknownTypeError
from shared.events.envelope import header_map
from shared.events.routings import ReportEnded, ReportRerouted, ReportRouted, ReportUpdated
from shared.kafka.decoding import RawRecord, decode_record
from shared.kafka.reader import PartitionReader
from shared.progress import Progress, silent
from shared.settings import KafkaSettings
from shared.topics import ROUTINGS

_DAY: Final = timedelta(days=1)


def main(span: Span, tables: Path | None, progress: Progress) -> int:
    """Replay and print; the exit status. Raises ``TransientError`` where Kafka is away."""
    log.configure("routing-replay", "WARNING")
    folder = tables or configuration.load(RoutingSettings).tables_dir
    sets = PACKAGED if folder is None else from_folder(folder)
    for fault in sets.faults:
        sys.stderr.write(f"the folder of tables was refused: {fault}\n")
    found = Replay(known=sets.known)
    asyncio.run(_replay(configuration.load(KafkaSettings), span, found, progress))
    sys.stdout.writelines(f"{line}\n" for line in result_lines(span, found))
    return int(found.differences > 0)


async def _replay(settings: KafkaSettings, span: Span, into: Replay, progress: Progress) -> None:
    reader = PartitionReader(settings, ROUTINGS)
    await reader.start()
    try:
        await read(reader, span, into, progress)
    finally:
        await reader.stop()


_DECIDED: Final = frozenset({ReportRouted.TYPE.encode(), ReportRerouted.TYPE.encode()})
_NOT_DECIDED: Final = frozenset({ReportUpdated.TYPE.encode(), ReportEnded.TYPE.encode()})
UNREADABLE: Final = "records nobody can read"
UNKNOWN_TYPE: Final = "records of a newer build"


async def read(reader: PartitionReader, span: Span, into: Replay, progress: Progress = silent) -> None:
    """Decide every decision of the span again, also those that came second: they were decided all the same.

    Raises ``TransientError`` when Kafka does not answer, ``FatalError`` where the log was cut.
    """
    ends = await reader.ends(await reader.partitions())
    seen, total = 0, sum(ends.values())
    # Closed at once when anything raises: the iterator holds the reader.
    async with aclosing(reader.read({partition: (0, end) for partition, end in ends.items()})) as records:
        async for raw in records:
            seen += 1
            progress(seen, total)
            if not _may_be_meant(raw, span):
                continue
            event = _event(raw, into)
            if isinstance(event, Decided) and span.holds(event.decided_at):
                into.take(event, f"{raw.topic}/{raw.partition}/{raw.offset}")


def _may_be_meant(raw: RawRecord, span: Span) -> bool:
    """By the headers alone: most of a log that holds years is passed over unread. In doubt it is read."""
    headers = header_map(raw.headers)
    kind = headers.get("ce_type")
    if kind not in _DECIDED:
        return kind not in _NOT_DECIDED
    try:
        return span.holds(datetime.fromisoformat(headers["ce_time"].decode()))
    except (KeyError, ValueError, TypeError):
        return True


def _event(raw: RawRecord, into: Replay) -> object:
    try:
        return decode_record(raw, raw.topic).event
    except PermanentError:
        into.not_comparable[UNREADABLE] += 1
    except UnknownTypeError:
        into.not_comparable[UNKNOWN_TYPE] += 1
    return None


def span_of(since: str, until: str) -> Span:
    """The span two arguments mean; empty ones are without end. Raises ``ValueError`` with a line to print."""
    found = Span(_moment("--from", since, end=False), _moment("--to", until, end=True))
    if found.since is not None and found.until is not None and found.since >= found.until:
        raise ValueError(f"--from {since} is not before --to {until}")
    return found


def _moment(name: str, text: str, *, end: bool) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        day = _is_day(text)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=SEOUL)
        return moment + _DAY if day and end else moment
    except (ValueError, OverflowError):
        raise ValueError(
            f"{name} {text} is neither a day nor a moment; write 2026-11-24 or 2026-11-24T09:30 (Seoul time), "
            f"or with a zone 2026-11-24T00:30Z"
        ) from None


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def result_lines(span: Span, found: Replay) -> Iterator[str]:
    """Describe the result of a replay, line by line."""
    yield f"decisions from {_edge(span.since, 'the beginning')} until {_edge(span.until, 'the end')}: {_sum(found)}"
    for version, number in sorted(found.by_rule.items()):
        yield f"  under rule {version}: {number}"
    for what, number in sorted(found.not_comparable.items()):
        yield f"  not comparable, {what}: {number}"
    yield f"differences: {found.differences}"
    for difference in found.first_differences:
        yield f"  {difference.place}  report {difference.report_id} version {difference.version}: {difference.why}"
    if found.differences > len(found.first_differences):
        yield f"  and {found.differences - len(found.first_differences)} more"


def _sum(found: Replay) -> str:
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(found.decisions.items()))
    return f"{found.decisions.total()}{f' ({kinds})' if kinds else ''}"


def _edge(moment: datetime | None, otherwise: str) -> str:
    return otherwise if moment is None else f"{moment.astimezone(SEOUL):%Y-%m-%d %H:%M} (Seoul)"
