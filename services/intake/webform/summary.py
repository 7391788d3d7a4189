"""The answers so far, as a person reads them before sending. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.intake.webform import step_words, steps, words
from shared.web.form_body import Typed

Options = Mapping[str, Sequence[tuple[str, ...]]]
"""Values and labels of the controls one chooses from, in the reader's language."""

TABLES: Final = {
    "role": words.ROLES,
    "relation": words.RELATIONS,
    "victim_knows": words.YES_NO,
    "victim_agrees": words.YES_NO,
    "harm_types": words.HARMS,
    "threatened": words.YES_NO,
    "money_demanded": words.YES_NO,
    "still_spreading": words.YES_NO,
    "platform_kind": words.PLATFORMS,
    "relationship": words.RELATIONSHIPS,
    "already_told": words.TOLD,
    "age_band": words.AGES,
    "gender": words.GENDERS,
    "contact_channels": words.CHANNELS,
    "may_say": words.MAY_SAY,
}
"""The vocabulary each control offers."""
WITH_UNKNOWN: Final = ("relation", "platform_kind", "relationship", "age_band", "gender")
"""Controls where not knowing is one more choice."""


@dataclass(frozen=True, slots=True)
class SummaryLine:
    """One question with what was answered; nothing where it was left out."""

    control: str
    label: str
    """Message id."""
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One step's answers."""

    slug: str
    title: str
    """Message id."""
    lines: tuple[SummaryLine, ...]

    @property
    def answered(self) -> bool:
        """Whether anything was answered on that step."""
        return any(line.answers for line in self.lines)


def sections(typed: Typed, options: Options) -> list[Section]:
    """Every step that applies; those of the path first."""
    role = step_words.role_of(typed.one("role"))
    labels = step_words.labels(typed.one(steps.PATH))
    return [
        Section(
            one.slug,
            step_words.asked(one.slug, role).title,
            tuple(SummaryLine(name, labels[name], _said(typed, name, options)) for name in fields),
        )
        for one, fields in steps.shown(typed)
    ]


def _said(typed: Typed, control: str, options: Options) -> tuple[str, ...]:
    given = typed.all(control)
    if control == "threat_deadline":
        return tuple(value.replace("T", " ") for value in given)
    if control == "earlier_receipt":
        return tuple(f"… {value.strip()[-4:]}" for value in given)  # enough to know it again, of no use to others
    if control in ("marks", "accounts"):
        return tuple(line.strip() for value in given for line in value.splitlines() if line.strip())
    if control in options:
        labels = {option[0]: option[1] for option in options[control]}
        return tuple(labels[value] for value in given if value in labels)
    return given
