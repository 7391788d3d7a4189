"""``/rule``: which center gets a report, written from the rule, its limits, its geography and its tested cases.

Open to everybody: it says how reports are assigned and nothing about any report, person or load.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import yaml
from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from services.routing.assignment import geography, rules, sentences
from services.routing.assignment.bands import normal_cases
from services.routing.assignment.explain import Translate
from services.routing.assignment.models import OverflowStep, Rule
from shared.centers import CENTER_IDS, TABLES, Tables, center
from shared.events.vocabulary import RoutingReason
from shared.labels import CENTRAL_NAME, HARMS, ROUTING_REASONS, URGENCIES
from shared.web.authorization import OPEN
from shared.web.formats import number, percent, unbroken
from shared.web.language import Language
from shared.web.pages import Pages
from shared.web.translations import gettext_noop

CASES: Final = Path(__file__).parents[1] / "assignment" / "data" / "cases"
"""The readable cases: the tests decide every one of them."""
SHOWN: Final = 3
"""Examples of a step that are shown; the others are folded."""

LIMITS: Final = {
    "normal": gettext_noop("Normal limits"),
    "waiting": gettext_noop("Waiting for the next shift"),
    "reserve": gettext_noop("Reserve"),
}
ASKED: Final = {
    "normal": gettext_noop("A centre with room on the normal limits."),
    "waiting": gettext_noop("If the report can wait: a centre where it waits for the next shift."),
    "reserve": gettext_noop("A centre that gives up its reserve."),
}
CLEARLY_BETTER: Final = gettext_noop(
    "A centre with room on the normal limits that would be at least %(margin)s points less busy than home."
)
SITUATIONS: Final[Sequence[tuple[Sequence[OverflowStep], str, str]]] = (
    (
        rules.UNSTAFFED_STEPS,
        gettext_noop("The report cannot wait and nobody is on duty at home"),
        gettext_noop(
            "Nobody takes it: the least busy centre with somebody on duty. Nobody is on duty anywhere: home keeps it "
            "and the central centre is told."
        ),
    ),
    (
        rules.SEVERE_FULL_STEPS,
        gettext_noop("The report is severe and each person on duty at home already has %(severe)s severe cases"),
        gettext_noop("Nobody takes it: home is judged by its load alone. A limit must delay nobody."),
    ),
    (
        rules.BUSY_STEPS,
        gettext_noop("With the report, home would be above %(threshold)s"),
        gettext_noop("Nobody takes it: home keeps it up to %(overload)s."),
    ),
    (
        rules.OVERLOADED_STEPS,
        gettext_noop("With the report, home would be above %(overload)s and no centre was clearly less busy"),
        gettext_noop("Nobody takes it: home keeps it, the overload is shown, and the central centre is told."),
    ),
    (
        rules.NO_HOME_STEPS,
        gettext_noop("The place has no home centre, or home is closed or declined"),
        gettext_noop(
            "Nobody takes it: the least busy of all; if the report cannot wait, of those with somebody on duty."
        ),
    ),
)
"""When a report overflows, in the order of the rule; what is asked then; and what happens if nobody takes it."""
SECTIONS: Final = {
    "linked": ("08-linked",),
    "home": ("02-room-at-home", "01-home"),
    "overflow": ("03-overflow", "04-reserve", "05-severe", "06-night"),
    "without": ("09-without-home", "07-closed-and-declined"),
    "last": ("10-everything-full",),
}
"""The files of cases that are examples of each step."""


class Example(NamedTuple):
    """One readable case."""

    text: str
    owner: str
    why: str


class OverflowReason(NamedTuple):
    """One reason to overflow, and what follows."""

    when: str
    asked: tuple[str, ...]
    otherwise: str


def read_cases() -> Mapping[str, Sequence[Mapping[str, object]]]:
    """The cases by file. Raises ``OSError`` or ``YAMLError`` at start, not at the first reader."""
    # Read at every start: in C, which PyYAML may have been built without, it takes a sixth of the time.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return {
        path.stem: yaml.load(path.read_text("utf-8"), loader)  # noqa: S506  # both are safe
        for path in sorted(CASES.glob("*.yaml"))
    }


def examples_of(told: Sequence[Mapping[str, object]], language: Language, translate: Translate) -> list[Example]:
    """The cases of one file in the reader's language; names are written ``한국어 / English``."""
    found = []
    for case in told:
        korean, _, english = str(case["case"]).partition(" / ")
        expected = case["expect"]
        if isinstance(expected, dict) and expected["why"] in tuple(RoutingReason):
            owner = str(expected["owner"])
            name = center(owner).short_name(language) if owner in CENTER_IDS else translate(CENTRAL_NAME)
            text = korean if language == "ko" else english[:1].upper() + english[1:]
            found.append(Example(unbroken(text), name, translate(ROUTING_REASONS[RoutingReason(expected["why"])])))
    return found


def situations(rule: Rule, language: Language, translate: Translate) -> list[OverflowReason]:
    """Return when and how a report overflows, with the rule's numbers."""
    values = numbers(rule, language)

    def asked(step: OverflowStep) -> str:
        return translate(CLEARLY_BETTER if step.clearly_better else ASKED[step.limits]) % values

    return [
        OverflowReason(
            unbroken(translate(when) % values),
            tuple(asked(step) for step in steps),
            unbroken(translate(otherwise) % values),
        )
        for steps, when, otherwise in SITUATIONS
    ]


def numbers(rule: Rule, language: Language) -> dict[str, str]:
    """The rule's numbers by the names of the holes in the texts."""
    return {
        "threshold": percent(rule.threshold_percent / 100, language),
        "overload": percent(rule.overload_percent / 100, language),
        "margin": number(rule.margin_points, language),
        "severe": number(rule.severe_per_person, language),
    }


def rings(language: Language, translate: Translate, tables: Tables) -> list[tuple[str, list[tuple[str, str]]]]:
    """Of each home center who is asked, nearest first, with the words for how far."""
    return [
        (
            center(home).short_name(language),
            [
                (translate(sentences.DISTANCES[distance]), ", ".join(center(one).short_name(language) for one in ring))
                for distance, ring in zip(
                    geography.RINGS_AROUND_HOME, geography.rings_around(home, tables), strict=True
                )
                if ring and distance is not geography.Distance.FURTHER
            ],
        )
        for home in CENTER_IDS
    ]


def rule_router(pages: Pages, tables: Tables = TABLES, rule: Rule = rules.RULE) -> APIRouter:
    """``/rule``."""
    router = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])
    cases = read_cases()

    @router.get("/rule")
    async def show(request: Request) -> Response:
        language, translate = pages.language(request), pages.gettext(request)
        return pages.render(
            request,
            "rule.html",
            rule=rule,
            tables=tables.version,
            numbers=numbers(rule, language),
            situations=situations(rule, language, translate),
            limits=[(translate(word), getattr(rule.overflow, name)) for name, word in LIMITS.items()],
            weights=[(translate(URGENCIES[u]), number(normal_cases(w), language)) for u, w in rule.weights.items()],
            extras=[(translate(HARMS[h]), number(normal_cases(w), language)) for h, w in rule.harm_extras.items()],
            rings=rings(language, translate, tables),
            examples={
                step: [example for name in files for example in examples_of(cases[name], language, translate)]
                for step, files in SECTIONS.items()
            },
            shown=SHOWN,
        )

    return router
