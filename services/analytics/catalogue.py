"""From a table's name and a period's name to the published table, or to a refusal that names what there is."""

from typing import Final

from services.analytics.policy.definitions import DEFINITIONS, Definition
from services.analytics.policy.tables import Table
from services.analytics.store.publications import Publications
from shared.centers import TABLES
from shared.web.app import Problem
from shared.web.language import Language
from shared.web.translations import gettext_noop

_SHOWN_PERIODS: Final = 12


def center_names(language: Language) -> dict[str, str]:
    """Short names of all centres that ever were, by id."""
    return {c.id: c.short_ko if language == "ko" else c.short_en for c in TABLES.centers.values()}


async def published(publications: Publications, name: str, period: str) -> Table:
    """The table, or a problem that names what there is. Without a period: the newest."""
    definition = DEFINITIONS.get(name)
    if definition is None:
        raise unknown_table()
    valid = await periods_of(publications, definition)
    wanted = period or (valid[0] if valid else "")
    if wanted not in valid:
        raise Problem(
            404,
            "unknown_period",
            gettext_noop("This table does not exist for that period. It exists for: %(periods)s."),
            values={"periods": _some(valid) or "–"},
        )
    return publications.shelf.table(definition, wanted)


def unknown_table() -> Problem:
    """The 404 that names the tables there are."""
    return Problem(
        404,
        "unknown_table",
        gettext_noop("There is no such table. There are: %(tables)s."),
        values={"tables": ", ".join(DEFINITIONS)},
    )


async def periods_of(publications: Publications, definition: Definition) -> list[str]:
    """The released periods a table exists for, months first, newest first."""
    await publications.released()
    shelf = publications.shelf
    return [period.name for kind in definition.kinds for period in reversed(shelf.periods(definition, kind))]


def _some(periods: list[str]) -> str:
    more = len(periods) - _SHOWN_PERIODS
    return ", ".join(periods[:_SHOWN_PERIODS]) + (f" … (+{more})" if more > 0 else "")
