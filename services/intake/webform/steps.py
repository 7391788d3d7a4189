"""The form in short steps: one subject each, in an order, some only where they apply. Pure.

There are three paths through the same questions: the long one, a short one for whoever is threatened right now (threat,
contact, send), and one for children in plain words. A path answers for the reporter what entering it says already.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from shared.centers import districts_of
from shared.events.vocabulary import AgeBand, ContactChannel, HarmType, Role, agreed_channels
from shared.web.form_body import Typed

CHECK: Final = "check"
"""Where everything is looked at once more and sent."""
LAST: Final = ("consents", "word", "word_for_status")
"""Controls of the last page itself."""
WORD_AGAIN: Final = "word_again"
"""The field of a draft that says that a word of one's own was typed, and must be typed again."""
KEPT_OF_LAST: Final = ("consents", "word_for_status", WORD_AGAIN)
"""What a draft keeps of the last page. Never the word: it is there against whoever has the browser next."""
PATH: Final = "path"
"""The field of a draft that names the path; no part of the submission."""
NOW: Final = "now"
YOUNG: Final = "young"


def _always(_: Typed) -> bool:
    return True


def _for_another(typed: Typed) -> bool:
    return typed.one("role") == Role.REPRESENTATIVE


def _with_districts(typed: Typed) -> bool:
    return bool(districts_of(typed.one("division")))


def _ways(typed: Typed) -> set[str]:
    chosen = [ContactChannel(way) for way in typed.all("contact_channels") if way in set(ContactChannel)]
    return set(agreed_channels(chosen))


def _reachable(typed: Typed) -> bool:
    return bool(_ways(typed) - {ContactChannel.MESSAGE_HERE})


def _by_phone(typed: Typed) -> bool:
    return ContactChannel.PHONE in _ways(typed)


def _by_number(typed: Typed) -> bool:
    return bool(_ways(typed) & {ContactChannel.PHONE, ContactChannel.TEXT})


def _by_email(typed: Typed) -> bool:
    return ContactChannel.EMAIL in _ways(typed)


def may_show_a_child(typed: Typed) -> bool:
    """Return whether the material may show a child under 19: then nothing may lead to making, keeping or opening it."""
    return typed.one("age_band") in {AgeBand.UNDER_14, AgeBand.FROM_14_TO_18} or bool(
        {HarmType.CHILD_MATERIAL, HarmType.ONLINE_GROOMING} & set(typed.all("harm_types"))
    )


def may_fingerprint(typed: Typed) -> bool:
    """Return whether to offer fingerprints: only to the person harmed, and never if the picture may show a child."""
    return typed.one("role") == Role.VICTIM and not may_show_a_child(typed)


_ONLY_IF: Final[Mapping[str, Callable[[Typed], bool]]] = {
    "threatened": lambda typed: HarmType.DISTRIBUTION_THREAT not in typed.all("harm_types"),
    "money_demanded": lambda typed: HarmType.BODY_CAM_PHISHING not in typed.all("harm_types"),
    "marks": may_fingerprint,
    "phone": _by_number,
    "email": _by_email,
    "hours": _by_number,
    "may_leave_message": _by_phone,
    "may_say": _by_phone,
    "center_codeword": _by_number,
    "person_codeword": _by_number,
}
"""Controls asked only where nothing else answers them already, or where they have a use."""


@dataclass(frozen=True, slots=True)
class FormStep:
    """One page. ``slug`` stands in its address and says nothing to who reads over a shoulder."""

    slug: str
    controls: tuple[str, ...]
    """The names of its fields."""
    applies: Callable[[Typed], bool] = _always
    required: bool = False
    path: str = ""
    follows_up: bool = False
    """It asks only for what an earlier answer needs, so it is not to be left empty."""
    offers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Of a field that has its place on another page: the values that this one offers, leaving the others as they are.
    """

    def chosen(self, name: str, known: Typed, sent: Typed) -> tuple[str, ...]:
        """The values of one of its fields once the page was sent."""
        if (offered := self.offers.get(name)) is None:
            return sent.all(name)
        kept = tuple(value for value in known.all(name) if value not in offered)
        return (*kept, *(value for value in sent.all(name) if value in offered))

    def asked(self, typed: Typed) -> tuple[str, ...]:
        """The fields that are asked of who gave these answers."""
        # Where ways and number are on one page, the number is asked before the way is known.
        early = {"phone"} if "contact_channels" in self.controls else set()
        return tuple(name for name in self.controls if name in early or _ONLY_IF.get(name, _always)(typed))


STEPS: Final = (
    FormStep("who", ("role",), required=True),
    FormStep("relation", ("relation", "victim_knows", "victim_agrees"), _for_another),
    FormStep("what", ("harm_types",), required=True),
    FormStep("urgent", ("threatened", "money_demanded", "threat_deadline")),
    FormStep("about", ("age_band", "gender")),
    FormStep("seen", ("still_spreading", "urls", "platform_kind", "search_words", "seen_when", "marks")),
    FormStep("words", ("narrative",)),
    FormStep("other", ("relationship", "accounts")),
    FormStep("told", ("already_told", "earlier_receipt")),
    FormStep("place", ("division", "declined_centers")),
    FormStep("district", ("district",), _with_districts),
    FormStep("language", ("language", "contact_name")),
    FormStep("contact", ("contact_channels",)),
    FormStep("reach", ("phone", "email"), _reachable, follows_up=True),
    FormStep(
        "safe", ("hours", "may_leave_message", "may_say", "not_safe", "center_codeword", "person_codeword"), _reachable
    ),
)
PATHS: Final[Mapping[str, tuple[FormStep, ...]]] = {
    "": STEPS,
    NOW: (
        FormStep(
            "now",
            ("money_demanded", "threat_deadline", "harm_types", "accounts", "age_band"),
            path=NOW,
            offers={"harm_types": (HarmType.SYNTHESIS,)},
        ),
        FormStep("now-contact", ("contact_channels", "phone", "email", "not_safe"), path=NOW),
    ),
    YOUNG: (
        FormStep("y-what", ("harm_types",), required=True, path=YOUNG),
        FormStep("y-age", ("age_band",), path=YOUNG),
        FormStep("y-now", ("threatened", "money_demanded", "threat_deadline"), path=YOUNG),
        FormStep("y-words", ("narrative", "accounts"), path=YOUNG),
        FormStep("y-place", ("division",), path=YOUNG),
        FormStep("y-contact", ("contact_channels", "phone", "email", "not_safe"), path=YOUNG),
    ),
}
_ENTERED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    NOW: {"role": (Role.VICTIM,), "harm_types": (HarmType.DISTRIBUTION_THREAT,)},
    YOUNG: {"role": (Role.VICTIM,)},
}
"""Facts implied by entering a path."""
_ALL: Final = tuple(one for path in PATHS.values() for one in path)
_BY_SLUG: Final = {one.slug: one for one in _ALL}
SOLE: Final = frozenset(one.slug for one in _ALL if len(one.controls) == 1)
"""Steps with one question: their heading asks it."""
CONTROLS: Final = frozenset(control for one in STEPS for control in one.controls)
"""Every question of the form."""


def step(slug: str) -> FormStep | None:
    """The step of a page."""
    return _BY_SLUG.get(slug)


def first(path: str) -> FormStep:
    """The page a path begins with; it needs no draft."""
    return PATHS.get(path, STEPS)[0]


def way(typed: Typed) -> list[FormStep]:
    """The steps of the path that apply to these answers, in order."""
    return [one for one in PATHS.get(typed.one(PATH), STEPS) if one.applies(typed)]


def shown(typed: Typed) -> list[tuple[FormStep, tuple[str, ...]]]:
    """Every step that applies with its fields, each field once: those of the path first, then the others."""
    found: list[tuple[FormStep, tuple[str, ...]]] = []
    known: set[str] = set()
    for one in [*way(typed), *(one for one in STEPS if one.applies(typed))]:
        if fields := tuple(name for name in one.asked(typed) if name not in known and name not in one.offers):
            found.append((one, fields))
            known |= set(fields)
    return found


def after(slug: str, typed: Typed) -> str:
    """The page that follows: a step, or the last page."""
    return _neighbour(slug, typed, 1) or CHECK


def entrance(one: FormStep) -> str:
    """The address of the page before the first step of a path."""
    return "/notes/younger" if one.path == YOUNG else "/"


def before(slug: str, typed: Typed) -> str | None:
    """The step before a page; None before the first."""
    if slug == CHECK:
        return way(typed)[-1].slug
    return _neighbour(slug, typed, -1)


def _neighbour(slug: str, typed: Typed, distance: int) -> str | None:
    path = PATHS.get(typed.one(PATH), STEPS)
    if _BY_SLUG[slug] not in path:
        return CHECK  # a question of the long path, answered from the last page
    ahead = path.index(_BY_SLUG[slug]) + distance
    rest = path[ahead:] if distance > 0 else tuple(reversed(path[: ahead + 1]))
    return next((one.slug for one in rest if one.applies(typed)), None)


def progress(slug: str, typed: Typed) -> tuple[int, int] | None:
    """Return the page's number and how many there are, the last counted; None for a page beside the path."""
    slugs = [*(one.slug for one in way(typed)), CHECK]
    return (slugs.index(slug) + 1, len(slugs)) if slug in slugs else None


def open_step(typed: Typed) -> str | None:
    """The first step that must be answered and is not."""
    return next((one.slug for one in STEPS if one.required and not any(map(typed.all, one.controls))), None)


def place_of(control: str, typed: Typed | None = None) -> str:
    """The page a control stands on: one of the path where it has one."""
    path = PATHS.get(typed.one(PATH), STEPS) if typed is not None else STEPS
    return next((one.slug for one in (*path, *STEPS) if control in one.controls and control not in one.offers), CHECK)


def entered(typed: Typed, one: FormStep) -> Typed:
    """The answers on the path of a step, with what entering the path says. Nothing answered before is lost.

    Both short paths are for who was harmed: whoever said that they report for another, or saw something, enters none.
    """
    if not one.path or typed.one(PATH) == one.path or typed.one("role") not in ("", Role.VICTIM):
        return typed
    said = {
        name: tuple(dict.fromkeys((*typed.all(name), *values))) if name == "harm_types" else values
        for name, values in _ENTERED[one.path].items()
    }
    return Typed({**typed.values, **said, PATH: (one.path,)})


def taken(known: Typed, slug: str, sent: Typed, *, leaving: bool = False) -> Typed:
    """Merge a step's page into the answers: its fields as sent, everything else as before.

    ``leaving`` a short path for the long one takes along what was typed, and not what entering the path says: who
    leaves may be reporting for another.
    """
    known = known if leaving else entered(known, _BY_SLUG[slug])
    one = _BY_SLUG[slug]
    kept = {name: values for name, values in known.values.items() if name not in one.controls}
    found = kept | {name: values for name in one.controls if (values := one.chosen(name, known, sent))}
    if leaving or found.get("role", (Role.VICTIM,)) != (Role.VICTIM,):
        found.pop(PATH, None)  # both short paths are for who was harmed
    return Typed(found)


def counting(typed: Typed, *, shown_whole: bool = False) -> Typed:
    """Without answers to questions that no longer apply: a phone number after "do not call me" is not sent.

    ``shown_whole``: the page shows every field of a step, so each of them counts where the step does.
    """
    steps = [one for one in STEPS if one.applies(typed)]
    names = {name for one in steps for name in (one.controls if shown_whole else one.asked(typed))} | {*LAST, PATH}
    return Typed({name: values for name, values in typed.values.items() if name in names and any(values)})
