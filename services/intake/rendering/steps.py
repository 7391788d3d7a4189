"""The form in short steps: one subject each, in an order, some only where they apply. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from services.intake.rendering.form import Typed
from shared.centers import districts_of
from shared.events.vocabulary import ContactChannel, Role, agreed_channels

CHECK: Final = "check"
"""Where everything is looked at once more and sent."""
LAST: Final = ("consents", "word")
"""Controls of the last page itself."""


def _always(_: Typed) -> bool:
    return True


def _for_another(typed: Typed) -> bool:
    return typed.one("role") == Role.REPRESENTATIVE


def _with_districts(typed: Typed) -> bool:
    return bool(districts_of(typed.one("division")))


def _ways(typed: Typed) -> set[ContactChannel]:
    chosen = [ContactChannel(way) for way in typed.all("contact_channels") if way in set(ContactChannel)]
    return set(agreed_channels(chosen))


def _reachable(typed: Typed) -> bool:
    return bool(_ways(typed) - {ContactChannel.MESSAGE_HERE})


@dataclass(frozen=True, slots=True)
class Step:
    """One page. ``slug`` stands in its address and says nothing to who reads over a shoulder."""

    slug: str
    controls: tuple[str, ...]
    """The names of its fields."""
    applies: Callable[[Typed], bool] = _always
    required: bool = False


STEPS: Final = (
    Step("who", ("role",), required=True),
    Step("relation", ("relation", "victim_knows", "victim_agrees"), _for_another),
    Step("what", ("harm_types",), required=True),
    Step("urgent", ("threatened", "money_demanded", "threat_deadline")),
    Step("seen", ("still_spreading", "platform_kind", "urls", "search_words", "seen_when")),
    Step("marks", ("marks",)),
    Step("words", ("narrative",)),
    Step("other", ("relationship",)),
    Step("names", ("accounts",)),
    Step("told", ("already_told",)),
    Step("earlier", ("earlier_receipt",)),
    Step("place", ("division",)),
    Step("district", ("district",), _with_districts),
    Step("centres", ("declined_centers",)),
    Step("about", ("age_band", "gender")),
    Step("language", ("language", "contact_name")),
    Step("contact", ("contact_channels",)),
    Step("reach", ("phone", "email"), _reachable),
    Step(
        "safe", ("hours", "may_leave_message", "may_say", "not_safe", "center_codeword", "person_codeword"), _reachable
    ),
)
_BY_SLUG: Final = {step.slug: step for step in STEPS}
_OF_CONTROL: Final = {control: step.slug for step in STEPS for control in step.controls}


def step(slug: str) -> Step | None:
    """The step of a page."""
    return _BY_SLUG.get(slug)


def way(typed: Typed) -> list[Step]:
    """The steps that apply to these answers, in order."""
    return [one for one in STEPS if one.applies(typed)]


def after(slug: str, typed: Typed) -> str:
    """The page that follows: a step, or the last page."""
    return _neighbour(slug, typed, 1) or CHECK


def before(slug: str, typed: Typed) -> str | None:
    """The step before a page; None before the first."""
    if slug == CHECK:
        return way(typed)[-1].slug
    return _neighbour(slug, typed, -1)


def _neighbour(slug: str, typed: Typed, distance: int) -> str | None:
    ahead = STEPS.index(_BY_SLUG[slug]) + distance
    rest = STEPS[ahead:] if distance > 0 else tuple(reversed(STEPS[: ahead + 1]))
    return next((one.slug for one in rest if one.applies(typed)), None)


def open_step(typed: Typed) -> str | None:
    """The first step that must be answered and is not."""
    return next((one.slug for one in STEPS if one.required and not any(map(typed.all, one.controls))), None)


def place_of(control: str) -> str:
    """The page a control stands on."""
    return _OF_CONTROL.get(control, CHECK)


def taken(known: Typed, slug: str, sent: Typed) -> Typed:
    """What is known once a step's page was sent: its fields as sent, everything else as before."""
    mine = _BY_SLUG[slug].controls
    kept = {name: values for name, values in known.values.items() if name not in mine}
    return Typed(kept | {name: sent.all(name) for name in mine if sent.all(name)})


def counting(typed: Typed) -> Typed:
    """Without answers to questions that no longer apply: a phone number after "do not call me" is not sent."""
    names = {control for one in way(typed) for control in one.controls} | set(LAST)
    return Typed({name: values for name, values in typed.values.items() if name in names and any(values)})
