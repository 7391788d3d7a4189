"""A count of events as published, by the words of the data dictionary and nothing else: no code of the service.

Each function names the words that it follows: "rules" and "counting" of ``/api/v1/dictionary`` and its codes' meanings.
What the schemas of the events say is taken from them: of one version the first record holds.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

KOREA = timezone(timedelta(hours=9))
Body = Mapping[str, Any]
Record = tuple[str, Body]
"""Kind, as ``report.received.v1``, and body."""
UP_TO = {
    "within_5_min": 5 * 60,
    "within_15_min": 15 * 60,
    "within_1_hour": 3600,
    "within_4_hours": 4 * 3600,
    "within_12_hours": 12 * 3600,
    "within_1_day": 24 * 3600,
    "within_3_days": 3 * 24 * 3600,
}
"""“Acknowledged after more than 5 minutes, up to 15”: a group holds its upper limit."""
TARGET = {"critical": 3600, "high": 24 * 3600, "normal": 3 * 24 * 3600}
"""“An hour if critical, a day if high, three days if normal.”"""
UP_TO_CONTACT = {
    "reached_1_hour": 3600,
    "reached_1_day": 24 * 3600,
    "reached_3_days": 3 * 24 * 3600,
    "reached_1_week": 7 * 24 * 3600,
}
UP_TO_CLOSING = {
    "closed_1_day": 24 * 3600,
    "closed_3_days": 3 * 24 * 3600,
    "closed_1_week": 7 * 24 * 3600,
    "closed_2_weeks": 14 * 24 * 3600,
}
"""“Closed after more than 1 day, up to 3”: as above."""
RESIDENCES = {
    *("seoul", "gyeonggi", "incheon", "gangwon", "chungnam", "chungbuk", "daejeon", "sejong", "jeonbuk", "jeju"),
    *("jeonnam-gwangju", "busan", "gyeongnam", "daegu", "gyeongbuk", "ulsan", "overseas", "unknown"),
}
_HOME = ("full_neighbour", "full_wider", "closed", "declined", "severe_full", "unstaffed", "overloaded")
ASSIGNMENTS = {
    "home": "home",
    "linked": "linked",
    **{f"home_{why}": "overflow" for why in _HOME},
    **{f"no_home_{why}": "no_home" for why in ("seoul", "overseas", "unknown", "district_unknown")},
}
"""“Of the reasons that this version knows those that begin with “home_” (overflow) or with “no_home_”.”"""
ROWS = {
    "reports-by-age-and-gender": ("age_band", "gender"),
    "reports-by-gender": ("gender",),
    "reports-by-urgency": ("urgency",),
    "reports-by-role-and-channel": ("role", "channel"),
    "reports-by-relationship": ("relationship",),
    "reports-by-platform": ("platform_kind",),
}
"""Tables whose rows are words of the report."""


def moment(text: str) -> datetime:
    """“Times are cut to whole milliseconds.”"""
    found = datetime.fromisoformat(text)
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


class Story:
    """What the topics say of one report."""

    def __init__(self, records: Iterable[Record]) -> None:
        versions = {"report": "intake_version", "routing": "version", "case": "case_version", "alert": "alert_version"}
        first: dict[tuple[str, int], Record] = {}
        for kind, body in records:
            stream = next(name for name, version in versions.items() if version in body and _is_of(name, kind))
            first.setdefault((stream, body[versions[stream]]), (kind, body))
        self._records = {name: [first[key] for key in sorted(first) if key[0] == name] for name in versions}
        self.words = [body["facts"] for _, body in self._records["report"] if body.get("facts")]
        self._decisions = [body for _, body in self._records["routing"] if "decision" in body]

    @property
    def counted(self) -> bool:
        """“We count accepted reports that a centre owns. Drills are left out.”"""
        accepted = any("received_at" in body for _, body in self._records["report"])
        return accepted and bool(self._decisions) and not self.words[0]["synthetic"]

    @property
    def accepted(self) -> datetime:
        return next(moment(body["received_at"]) for _, body in self._records["report"] if "received_at" in body)

    @property
    def day(self) -> str:
        """“The day of acceptance in Korea.”"""
        return f"{self.accepted.astimezone(KOREA):%Y-%m-%d}"

    @property
    def newest(self) -> Body:
        """“Those of its newest version when the month closed.”"""
        newest: Body = self.words[-1]
        return newest

    @property
    def owner(self) -> str:
        return str(self._decisions[-1]["decision"]["center_id"])

    @property
    def home(self) -> str | None:
        home = self._decisions[-1]["decision"]["home_center_id"]
        return None if home is None else str(home)

    @property
    def ownership(self) -> int:
        return int(max(body["ownership"] for _, body in self._records["routing"]))

    @property
    def time(self) -> str:
        """“Only if it was made under that ownership”; “clocks that are apart give 0”."""
        at = [
            moment(body["at"])
            for kind, body in self._records["case"]
            if kind.startswith("case.acknowledged") and body["ownership"] == self.ownership
        ]
        if not at:
            return "unanswered"
        took = max(0.0, (at[0] - self.accepted).total_seconds())
        return next((group for group, most in UP_TO.items() if took <= most), "longer")

    @property
    def late(self) -> bool:
        """“Nobody acknowledged within the target of their urgency, whichever centre it was.”"""
        at = [moment(body["at"]) for kind, body in self._records["case"] if kind.startswith("case.acknowledged")]
        return not at or (at[0] - self.accepted).total_seconds() > TARGET[self.newest["urgency"]]

    @property
    def outcome(self) -> str:
        """“Whoever withdrew it; not once it was reinstated. Reopened, or owned by another centre: in care again.”"""
        now = "in_care"
        for kind, body in self._records["routing"]:
            if kind.startswith("report.ended"):
                now = body["reason"]
            elif kind.startswith("report.rerouted") or body.get("kind") in {"reopened", "reinstated"}:
                now = "in_care"
        return now

    def since_acceptance(self, at: datetime, up_to: Mapping[str, int], later: str) -> str:
        """“A group of times holds its upper limit”; “clocks that are apart give 0”."""
        took = max(0.0, (at - self.accepted).total_seconds())
        return next((group for group, most in up_to.items() if took <= most), later)

    @property
    def contact(self) -> str:
        """“The first time that any centre reached the reporter.”"""
        at = [moment(body["at"]) for kind, body in self._records["case"] if kind.startswith("case.contacted")]
        return self.since_acceptance(at[0], UP_TO_CONTACT, "reached_later") if at else "not_reached"

    @property
    def closing(self) -> tuple[str, str]:
        """“Only if the centre that owned the report closed it under that ownership”; reason and time."""
        found: Body | None = None
        for kind, body in self._records["case"]:
            if kind.startswith("case.closed") and (found is None or body["ownership"] >= found["ownership"]):
                found = body
            elif kind.startswith("case.reopened") and found and body["ownership"] >= found["ownership"]:
                found = None
        if found is None or found["ownership"] != self.ownership:
            return "unknown", "closed_unknown"
        return str(found["outcome"]), self.since_acceptance(moment(found["at"]), UP_TO_CLOSING, "closed_later")

    @property
    def residence(self) -> str:
        """“Gwangju and Jeonnam stand together”; “or is one that this version does not know.”"""
        told = str(self.newest["division"])
        if told in {"gwangju", "jeonnam"}:
            return "jeonnam-gwangju"
        return told if told in RESIDENCES else "unknown"

    @property
    def assignment(self) -> str:
        """“Of the reasons that this version knows those that begin with …; all others are the last resort.”"""
        return ASSIGNMENTS.get(self._decisions[0]["decision"]["reason"], "last_resort")

    def moves(self) -> Counter[str]:
        """“A report that moved twice counts twice.”"""
        names = dict.fromkeys(("transfer_accepted", "returned_home"), "handed_on")
        return Counter(names.get(body["decision"]["reason"], "moved_otherwise") for body in self._decisions[1:])

    @property
    def support(self) -> set[str]:
        """“Given each kind of support at least once.”"""
        return {body["support"] for kind, body in self._records["case"] if kind.startswith("case.supported")}

    def alerts(self) -> Counter[str]:
        """“One report may have many.”"""
        names = {"alert.sent": "alerts_sent", "alert.failed": "alerts_failed", "alert.escalated": "escalations"}
        return Counter(names[kind.rpartition(".")[0]] for kind, _ in self._records["alert"])


def _is_of(stream: str, kind: str) -> bool:
    intake = {"received", "amended", "withdrawn", "reinstated"}
    if stream in {"case", "alert"}:
        return kind.startswith(f"{stream}.")
    return kind.startswith("report.") and (kind.split(".")[1] in intake) == (stream == "report")


def figures(stories: Iterable[Story], month: str) -> dict[str, Counter[str]]:
    """Of one month: by table, the number of each row; of tables with columns the row is ``row|column``."""
    found: dict[str, Counter[str]] = {}
    for story in stories:
        if not story.counted or not story.day.startswith(month):
            continue
        for table, row in _rows(story):
            found.setdefault(table, Counter())[row] += 1
        found.setdefault("alert-outcomes", Counter()).update(story.alerts())
        found.setdefault("moves-between-centers", Counter()).update(story.moves())
    return found


def _rows(story: Story) -> Iterable[tuple[str, str]]:
    year, week, _ = datetime.fromisoformat(story.day).isocalendar()
    yield "reports-by-center", story.owner
    yield "reports-by-week", f"{year}-W{week:02d}"
    yield "reports-in-first-weeks", f"{year}-W{week:02d}"
    yield "acknowledgement-times", story.time
    yield "reports-by-outcome", story.outcome
    for harm in set(story.newest["harm_types"]):
        yield "reports-by-center-and-harm", f"{story.owner}|{harm}"
    if story.late:
        yield "reports-seen-late", f"{story.owner}|seen_late"
    if story.home != story.owner:
        yield "reports-from-elsewhere", f"{story.owner}|from_elsewhere"
    yield "reports-by-residence", story.residence
    yield "reports-by-assignment", story.assignment
    yield "first-contact-times", story.contact
    if story.outcome == "closed":
        reason, time = story.closing
        yield "closings-by-reason", reason
        yield "closing-times", time
        yield "closings-by-center", f"{story.owner}|closed"
    for kind in story.support:
        yield "support-given", f"total|{kind}"
    for table, names in ROWS.items():
        yield table, "/".join(story.newest[name] for name in names)


def hours(records: Iterable[Body], month: str, until: datetime) -> Counter[str]:
    """“Hours that people were on duty at a centre, added up over people, as the centres reported it”, not rounded."""
    found: Counter[str] = Counter()
    said: dict[str, dict[int, Body]] = {}
    for body in records:
        said.setdefault(body["center_id"], {}).setdefault(body["center_version"], body)
    year, number = map(int, month.split("-"))
    begin = datetime(year, number, 1, tzinfo=KOREA)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=KOREA)
    for center, versions in said.items():
        at = datetime.min.replace(tzinfo=KOREA)
        starts = [at := max(at, moment(versions[v]["changed_at"])) for v in sorted(versions)]
        for version, start, stop in zip(sorted(versions), starts, [*starts[1:], until], strict=True):
            lasted = min(stop, end) - max(start, begin)
            if lasted > timedelta(0):
                found[center] += versions[version]["staff_on_duty"] * lasted / timedelta(hours=1)
    return found
