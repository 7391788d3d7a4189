"""The page of words: what each value of a report's fields and of its status means, as our own form says it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from services.intake.receipts import views
from services.intake.webform import words
from shared.centers import CENTER_IDS, CENTRAL, TABLES, center, districts_of
from shared.labels import CHANNELS
from shared.web.translations import SHARED_LOCALE, load

_LOCALE: Final = Path(words.__file__).parents[1] / "locale"
_HEAD: Final = """# Words: what to ask, and what to show

Written by `make docs` from the words of our own form; `make check` compares. For front-end teams: what each value
means, in sentences that you may use as they are. Leave out what was not answered; `unknown` says the same.
"""
_CONSENTS: Final = f"""`version` names the wording that was shown: `{words.CONSENT_VERSION}` is this one, word for word.
Other versions name an earlier wording of our form, or what is read out on the phone. A wording of your own needs a
version of its own: ask the operator first. Leave `consents` out where nobody was asked. If it is there beside a way of
contact, at least one has to be true (`consent_needed`).

"""
_PLACES: Final = """Names, short forms and former names are understood too, in both languages; what several places are
called is refused (`ambiguous_division`). A `district` decides where a province has two centres; elsewhere its five
digits have to be of that province, and are not kept.

"""
_CHOICES: Final = {
    "role": words.ROLES,
    "harm_types": words.HARMS,
    "age_band": words.AGES,
    "gender": words.GENDERS,
    "relationship": words.RELATIONSHIPS,
    "platform_kind": words.PLATFORMS,
    "already_told": words.TOLD,
    "channel": [(value, label) for value, label in CHANNELS.items() if value != "unknown"],
    "contact.channels": words.CHANNELS,
    "contact.may_say": words.MAY_SAY,
    "on_behalf.relation": words.RELATIONS,
}

_Row = tuple[str, Iterable[str]]
"""A value and what it means: English texts that have a Korean one, one after the other."""
_Named = tuple[str, str, str]
"""A value, and its name in Korean and in English."""


def files() -> dict[str, str]:
    """The page, by its path below ``docs``."""
    return {"reference/words.md": _HEAD + "".join(_parts())}


def _parts() -> Iterator[str]:
    for field, choices in _CHOICES.items():
        yield _part(f"`{field}`", _said((one[0], tuple(one[1:])) for one in choices))
    yield _part("`consents`", _said((name, texts) for name, *texts in words.CONSENTS), _CONSENTS)
    divisions = [one for one in TABLES.divisions.values() if one.valid_to is None]
    places = [(one.slug, one.name_ko, one.name_en) for one in divisions]
    elsewhere = [(one.slug, one.name_ko, one.name_en) for one in TABLES.elsewhere.values()]
    yield _part("`division`", places + elsewhere, _PLACES)
    for one in divisions:
        if districts := districts_of(one.slug):
            yield _part(f"`district` of `{one.slug}`", [(d.code, d.name_ko, d.name_en) for d in districts])
    centers = [(one.id, one.name_ko, one.name_en) for one in map(center, (*CENTER_IDS, CENTRAL))]
    yield _part("Centres: `declined_centers`, and `center` of a status", centers)
    yield _part("`state`", _said((state, (views.TITLES[state], views.NEXT[state])) for state in views.TITLES))
    yield _part("`limited_because`", _said((why, (text,)) for why, text in views.LIMITED.items()))
    yield _part("`center_unnamed`", _said([("true", (views.UNNAMED,))]))
    yield _part("`erasure`", _said((status, (text,)) for status, text in views.ERASURE_WORDS.items()))


def _said(rows: Iterable[_Row]) -> Iterator[_Named]:
    korean = load([SHARED_LOCALE, _LOCALE])["ko"]
    for value, texts in rows:
        shown = [text for text in texts if text]
        yield value, _joined(map(korean.gettext, shown)), _joined(shown)


def _joined(texts: Iterable[str]) -> str:
    return " ".join(text if text.endswith(".") else f"{text}:" for text in texts).removesuffix(":")


def _part(title: str, rows: Iterable[_Named], said: str = "") -> str:
    lines = "".join(f"| `{value}` | {korean} | {english} |\n" for value, korean, english in rows)
    return f"\n## {title}\n\n{said}| | 한국어 | English |\n|---|---|---|\n{lines}"
