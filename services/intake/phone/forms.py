"""The page of a call between two shapes: what a browser sends of it, and the submission it means. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from services.intake.phone import scripts
from services.intake.phone.models import Assent
from services.intake.webform import form, steps
from services.intake.webform.form import FieldProblem
from services.intake.webform.steps import STEPS
from shared.web.form_body import Typed
from shared.web.translations import gettext_noop as n

ASSENT: Final = "assent"
"""The wording that was read aloud and its language, as ``ko:2026-11-25``."""
CONSENTS: Final = "consents"
WORD: Final = "word"
WORD_FOR_STATUS: Final = "word_for_status"
CONTROLS: Final = (*(control for one in STEPS for control in one.controls), WORD, WORD_FOR_STATUS, CONSENTS, ASSENT)
"""Every field of a call's page: all of the form's steps, and what only its last page asks."""
READINGS: Final = tuple(f"{language}:{scripts.VERSION}" for language in ("ko", "en"))
LINKED_BY: Final = frozenset({"urls", "marks", "accounts"})
"""Controls by which reports find each other."""

_NOT_READ: Final = n("Say in which language the texts were read out. Consent counts only if they were.")
_NOT_OURS: Final = n("The texts have changed since this page was opened. Please read the ones shown now.")


def named(sent: Typed) -> tuple[str, ...]:
    """The fields a request is about: those it names in ``only``; without script a page sends all of them."""
    only = [name for name in sent.all("only") if name in CONTROLS]
    return tuple(only) or CONTROLS


def taken(known: Mapping[str, tuple[str, ...]], sent: Typed, names: Collection[str]) -> Typed:
    """Merge a request into the answers: these fields as sent, everything else as before."""
    kept = {name: values for name, values in known.items() if name not in names}
    return Typed(kept | {name: sent.all(name) for name in names if sent.all(name)})


def without(typed: Typed, known: Mapping[str, tuple[str, ...]], refused: Collection[str]) -> Typed:
    """The same, with what was there before in the place of what may not be kept."""
    kept = {name: values for name, values in typed.values.items() if name not in refused}
    return Typed(kept | {name: known[name] for name in refused if name in known})


def refused(typed: Typed, names: Collection[str], problems: Iterable[FieldProblem]) -> list[FieldProblem]:
    """Of what is wrong, that which keeps a field from being kept: something was typed there, and it will not do.

    What is only still missing may come later.
    """
    return [problem for problem in problems if problem.control in names and typed.all(problem.control)]


def counting(typed: Typed) -> Typed:
    """Without answers to questions that do not apply, and without what no submission knows."""
    return steps.counting(typed, shown_whole=True)


def submission_of(typed: Typed, assent: Assent | None) -> tuple[dict[str, Any], list[FieldProblem]]:
    """The submission a call means, as JSON values, and what already cannot be read of it."""
    # In which language a caller talks nobody reads off the operator's page.
    language = assent.language if assent is not None else "ko"
    raw, problems = form.submission_of(counting(typed), language)
    raw["channel"] = "phone"
    raw.pop(CONSENTS, None)
    if assent is not None:
        raw[CONSENTS] = {"version": assent.version, **dict.fromkeys(typed.all(CONSENTS), True)}
    return raw, problems


def problems_of_assent(typed: Typed) -> list[FieldProblem]:
    """Return the problems with the consents."""
    reading = typed.one(ASSENT)
    if reading and reading not in READINGS:
        return [FieldProblem(ASSENT, _NOT_OURS)]
    return [FieldProblem(ASSENT, _NOT_READ)] if typed.all(CONSENTS) and not reading else []
