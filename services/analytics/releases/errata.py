"""Errata: a released period whose numbers were wrong is released once more, beside the first. Pure.

Nothing that was released changes: an erratum is a further entry of the register, a *revision*, which says why. Who has
both revisions sees by how much each number changed, and a change of 1 to 4 would be a small count of the reports that
were wrong. So of a revision only what differs from every former one by nothing or by 5 and more is shown, decided along
the same hierarchies: parts are shown all or none. The proof knows of this (``intruder_model``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.analytics.releases.calendar import period_of
from services.analytics.releases.hierarchies import TOTAL, Tree
from services.analytics.releases.release import BETWEEN, Release
from services.analytics.releases.suppression import SMALL, Shown
from services.analytics.releases.tables import BY_CENTER, TABLE_SPECS, WITHHELD, Marks, Rounded, Split

Why = Mapping[str, str]
"""The reason of a correction, by language."""


def current(entries: Sequence[Release]) -> tuple[Release, ...]:
    """The newest revision of each period, in the order in which the periods were first released."""
    return tuple({entry.period: entry for entry in entries}.values())


def revised(made: Release, former: Sequence[Release], why: Why) -> Release:
    """The period once more, without what would differ from a former revision by a small count."""
    kept = {name: _kept(name, made, shown, former) for name, shown in made.tables.items()}
    if kept.get(BY_CENTER) == {}:
        return Release(made.period, made.as_of, WITHHELD, revision=len(former), erratum=dict(why))
    return replace(made, tables=kept, revision=len(former), erratum=dict(why))


def changed(new: Release, old: Release) -> list[str]:
    """Names of the tables in which anything differs, for people."""
    return [
        name
        for name in {**old.tables, **new.tables}
        if dict(old.tables.get(name, {})) != dict(new.tables.get(name, {}))
    ]


def _kept(name: str, made: Release, shown: Shown, former: Sequence[Release]) -> Shown:
    how = TABLE_SPECS[name].protection
    before = [entry.tables.get(name, {}) for entry in former]
    if isinstance(how, Rounded) or (isinstance(how, Split) and TOTAL not in shown):
        return shown  # hours tell of no report; the limits of intervals follow from what is published
    if isinstance(how, Split):
        hierarchy = how.made_in(period_of(made.period), shown)
        return {} if _betrays(TOTAL, shown, before) else {TOTAL: shown[TOTAL], **_parts(hierarchy, shown, before)}
    if isinstance(how, Marks):
        marks = {key.rpartition(BETWEEN)[2] for key in shown if _betrays(key, shown, before)}
        return {key: n for key, n in shown.items() if key.rpartition(BETWEEN)[2] not in marks}
    return {key: n for key, n in shown.items() if not _betrays(key, shown, before)}


def _parts(node: Tree, shown: Shown, before: Sequence[Shown]) -> dict[str, int]:
    own = [part for part in node.parts if part.key in shown]
    if len(own) < len(node.parts) or any(_betrays(part.key, shown, before) for part in own):
        return {}
    if any(_rest_betrays(node, shown, old) for old in before):
        return {}
    below = [_parts(part, shown, before) for part in own]
    return {part.key: shown[part.key] for part in own} | {key: n for each in below for key, n in each.items()}


def _rest_betrays(node: Tree, shown: Shown, old: Shown) -> bool:
    """Whether the rest differs by a small count that was left beside parts shown alone: weeks told before a month."""
    rest = [part.key for part in node.parts if part.key not in old]
    if node.key not in old or not rest:
        return False
    was = old[node.key] - sum(old[part.key] for part in node.parts if part.key in old)
    return 0 < abs(sum(shown[key] for key in rest) - was) < SMALL


def _betrays(key: str, shown: Shown, before: Sequence[Shown]) -> bool:
    return any(key in old and 0 < abs(shown[key] - old[key]) < SMALL for old in before)
