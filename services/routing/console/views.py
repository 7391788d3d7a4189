"""Values of the API and the pages: centres with their bands, and everything routing did about a report."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from services.routing.assignment.bands import Band, band_of
from services.routing.assignment.models import CenterLoad
from services.routing.assignment.replay import differing, replay
from services.routing.assignment.rules import RULE_VERSION
from services.routing.read_model import RoutingEntry, event_of
from services.routing.state.report_states import RoutingEvent
from shared.centers import PACKAGED, Tables, center
from shared.clock import seoul_date
from shared.events.base import CenterId, ReportId
from shared.events.routings import Decision, ReportRerouted, ReportRouted
from shared.events.vocabulary import CenterState


class CenterRow(BaseModel):
    """A centre as routing sees it now. A band instead of a count: live counts are not for everyone on staff."""

    center_id: CenterId
    name_ko: str
    name_en: str
    state: CenterState
    staff_on_duty: int = Field(ge=0)
    band: Band


class CenterRows(BaseModel):
    """All 16 centres, by id."""

    centers: list[CenterRow]


class HistoryEntry(BaseModel):
    """One record of routing's stream about a report."""

    version: int = Field(ge=1)
    ownership: int = Field(ge=1)
    type: str
    center_id: CenterId
    decided_at: datetime
    event: dict[str, Any]
    """The event's body as published; where a decision was made, with all its candidates one by one."""
    replays: bool | None = None
    """Whether deciding again from what was recorded gives the same answer; none where nothing was decided, or under
    a rule or tables of another version."""


class History(BaseModel):
    """Routing's records about a report, oldest first, as far as the reader may know. The last one's centre owns it."""

    report_id: ReportId
    center_id: CenterId
    records: list[HistoryEntry]


def center_row(center_load: CenterLoad) -> CenterRow:
    """One row of the list of centres."""
    known = center(center_load.center_id)
    return CenterRow(
        center_id=center_load.center_id,
        name_ko=known.name_ko,
        name_en=known.name_en,
        state=center_load.state,
        staff_on_duty=center_load.staff_on_duty,
        band=band_of(center_load),
    )


def replays(event: RoutingEvent, known: Mapping[str, Tables] = PACKAGED.known) -> bool | None:
    """Return whether the recorded decision follows from its recorded inputs; None if this build cannot tell.

    ``known`` are the tables by version: a decision is judged by those it names.
    """
    if not isinstance(event, ReportRouted | ReportRerouted):
        return None
    decision: Decision = event.decision
    tables = known.get(decision.table_version)
    if decision.rule_version != RULE_VERSION or tables is None:
        return None
    return differing(decision, replay(decision, event.facts, seoul_date(event.received_at), tables=tables)) is None


def history_of(report_id: str, entries: list[RoutingEntry], known: Mapping[str, Tables] = PACKAGED.known) -> History:
    """The history of a report that has at least one entry."""
    records = []
    for entry in entries:
        event = event_of(entry)
        records.append(
            HistoryEntry(
                version=entry.version,
                ownership=entry.ownership,
                type=entry.type,
                center_id=entry.center_id,
                decided_at=event.decided_at,
                event=_written_out(entry.event, event),
                replays=replays(event, known),
            )
        )
    return History(report_id=report_id, center_id=entries[-1].center_id, records=records)


def _written_out(body: dict[str, Any], event: RoutingEvent) -> dict[str, Any]:
    """The body with its candidates as people read them: each with the name of every number."""
    if not isinstance(event, ReportRouted | ReportRerouted):
        return body
    decision = {name: value for name, value in body["decision"].items() if name != "compared"}
    candidates = [one.model_dump(mode="json") for one in event.decision.candidates()]
    return {**body, "decision": {**decision, "candidates": candidates}}


def involved(entries: Sequence[RoutingEntry]) -> frozenset[str]:
    """The centres a report concerns: its owner; its former owners and its home unless the reporter declined them."""
    homes = {entry.event.get("decision", {}).get("home_center_id") for entry in entries}
    # Also where it was declined once only: whoever harmed the reporter may work there.
    declined = {center for entry in entries for center in entry.event.get("facts", {}).get("declined_centers", ())}
    concerned = {entry.center_id for entry in entries} | homes
    return frozenset(concerned - declined - {None} | {entries[-1].center_id})


def until_it_left(entries: Sequence[RoutingEntry], center_id: str) -> list[RoutingEntry]:
    """Keep a report's entries until it left a centre for the last time; all of them where the centre never had it."""
    owned = [place for place, entry in enumerate(entries) if entry.center_id == center_id]
    return list(entries[: owned[-1] + 1] if owned else entries)
