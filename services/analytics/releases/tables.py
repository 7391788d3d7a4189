"""Which tables there are, which question each answers, and what exactly is counted."""

from dataclasses import dataclass
from typing import Final

from services.analytics.releases.calendar import Kind
from services.analytics.releases.release import CROSSINGS
from shared.web.translations import gettext_noop


@dataclass(frozen=True, slots=True)
class Definition:
    """One table."""

    name: str
    title: str
    question: str
    definition: str
    row_key: str
    kinds: tuple[Kind, ...]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The cubes' dimensions a yearly table is made of; it exists from the first year they are offered."""
        return CROSSINGS[self.name].dimensions if self.name in CROSSINGS else ()


_ALL: Final[tuple[Kind, ...]] = ("month", "quarter", "year")

DEFINITIONS: Final = {
    d.name: d
    for d in (
        Definition(
            "reports-by-center",
            gettext_noop("Reports by centre"),
            gettext_noop("Where do reports end up?"),
            gettext_noop(
                "Each report counts once, at the centre that owned it when the month closed. Owners that are no centre "
                "any more stand with the central desk."
            ),
            "center",
            _ALL,
        ),
        Definition(
            "reports-by-center-and-harm",
            gettext_noop("Reports by centre and harm type"),
            gettext_noop("What happened to people, and where are they helped?"),
            gettext_noop(
                "A report counts once in each of its harm types, so harm types add up to more than the reports. A "
                "number is shown where at least 5 reports of the place have the harm type and at least 5 do not."
            ),
            "center",
            ("quarter",),
        ),
        Definition(
            "reports-by-week",
            gettext_noop("Reports by week"),
            gettext_noop("How do reports come in over time?"),
            gettext_noop(
                "National, by ISO week. A day is a day in Korea (UTC+9). A week that spans two periods is in each with "
                "the days that lie in it."
            ),
            "week",
            _ALL,
        ),
        Definition(
            "acknowledgement-times",
            gettext_noop("Time to acknowledgement"),
            gettext_noop("How long until a person answers?"),
            gettext_noop(
                "From acceptance to the first acknowledgement by the centre that owned the report when the month "
                "closed. An acknowledgement by a centre that had handed the report on does not count. Each group "
                "begins where the one before it ends."
            ),
            "time",
            _ALL,
        ),
        Definition(
            "reports-by-outcome",
            gettext_noop("Reports by what became of them"),
            gettext_noop("What became of the reports?"),
            gettext_noop(
                "Withdrawn means that the reporter took the report back and has not changed their mind since. What the "
                "report said is destroyed; that there was one stays counted here and in every other table. A month "
                "shows what had become of its reports when it closed."
            ),
            "outcome",
            _ALL,
        ),
        Definition(
            "reports-seen-late",
            gettext_noop("Reports seen late"),
            gettext_noop("Where are people seen in time?"),
            gettext_noop(
                "Reports that nobody acknowledged within the target of their urgency, whichever centre it was: an "
                "hour if critical, a day if high, three days if normal. Shown by the centre that owned the report "
                "when the month closed, where at least 5 reports were seen late and at least 5 in time."
            ),
            "center",
            ("quarter",),
        ),
        Definition(
            "alert-outcomes",
            gettext_noop("Alerts"),
            gettext_noop("Do alerts reach anybody?"),
            gettext_noop(
                "Alerts to centres about reports of the month: taken by a channel, failed, and raised to the next "
                "person because nobody answered. Alerts are not reports: one report may have many. Each figure is a "
                "total of its own, shown from 10 on."
            ),
            "alert",
            ("month",),
        ),
        Definition(
            "staff-on-duty",
            gettext_noop("Hours on duty"),
            gettext_noop("How many people are there to help?"),
            gettext_noop(
                "Hours that people were on duty at a centre, added up over people, as the centres reported it. Each "
                "number and the total are rounded to tens once, half of ten up, so they may not add up. 0 where "
                "nothing was reported."
            ),
            "center",
            ("month",),
        ),
        Definition(
            "reports-by-age-and-gender",
            gettext_noop("Reports by age and gender"),
            gettext_noop("Whom did it happen to?"),
            gettext_noop("Age band and gender of the person harmed, as told."),
            "age_gender",
            ("year",),
        ),
        Definition(
            "reports-by-role-and-channel",
            gettext_noop("Reports by role and channel"),
            gettext_noop("Who reports, and which way?"),
            gettext_noop("Who reported, and which way the report came in."),
            "role_channel",
            ("year",),
        ),
        Definition(
            "reports-by-relationship",
            gettext_noop("Reports by relationship"),
            gettext_noop("Who did it?"),
            gettext_noop("The person harmed and the offender, in the categories of the yearly statistics."),
            "relationship",
            ("year",),
        ),
        Definition(
            "reports-by-platform",
            gettext_noop("Reports by platform"),
            gettext_noop("Where was it seen?"),
            gettext_noop("The kind of platform the reporter named first."),
            "platform",
            ("year",),
        ),
        Definition(
            "support-given",
            gettext_noop("Support given"),
            gettext_noop("How were people helped?"),
            gettext_noop("Reports that were given each kind of support at least once; one report may have several."),
            "support",
            ("year",),
        ),
        Definition(
            "reports-from-elsewhere",
            gettext_noop("Reports from elsewhere"),
            gettext_noop("How many are helped away from home?"),
            gettext_noop("Reports owned by another centre than the one at home, and those that have none at home."),
            "center",
            ("year",),
        ),
        Definition(
            "corrections",
            gettext_noop("Corrections"),
            gettext_noop("How far were the closed months off?"),
            gettext_noop(
                "The yearly bulletin. Closed months are not changed; this says by how many reports they would differ "
                "if they were counted at the end of the year, and how many at least would stand at another centre: it "
                "is worked out from counts, in which opposite moves cancel out. Later changes of outcome and harm are "
                "not in it. Shown from 10 on."
            ),
            "correction",
            ("year",),
        ),
    )
}

GENERAL: Final = (
    gettext_noop(
        "We count accepted reports that a centre owns, by the day of acceptance in Korea. Drills are left out."
    ),
    gettext_noop(
        "Counts from 0 to 4 are hidden, and others with them where they would give a hidden count away. One mark "
        "stands for all of them: a hidden number may be 0, and may be 5 or more."
    ),
    gettext_noop(
        "A month is released once, three days after its end, when everything has been read, and never changes. "
        "Quarters and years are made of released months. Corrections come once a year."
    ),
    gettext_noop("Before a release leaves, a solver that knows these rules and all earlier releases tries to undo it."),
)
"""What holds for every table."""
