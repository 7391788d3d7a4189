"""From a table's name and a period's name to the published table, or to a refusal that names what there is."""

from typing import Final

from services.analytics.policy.periods import parse
from services.analytics.policy.tables import DEFINITIONS, Table, build
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
    """The table, or a problem that names what there is. Without a period: the running one."""
    definition = DEFINITIONS.get(name)
    if definition is None:
        raise Problem(
            404,
            "unknown_table",
            gettext_noop("There is no such table. There are: %(tables)s."),
            values={"tables": ", ".join(DEFINITIONS)},
        )
    valid = [p for kind in definition.kinds for p in await publications.periods(kind)]
    wanted = parse(period or valid[0])
    if wanted is None or wanted.kind not in definition.kinds or wanted.name not in valid:
        raise Problem(
            404,
            "unknown_period",
            gettext_noop("This table does not exist for that period. It exists for: %(periods)s."),
            values={"periods": _some(valid)},
        )
    return build(definition, wanted, await publications.releases(wanted))


def _some(periods: list[str]) -> str:
    more = len(periods) - _SHOWN_PERIODS
    return ", ".join(periods[:_SHOWN_PERIODS]) + (f" … (+{more})" if more > 0 else "")
