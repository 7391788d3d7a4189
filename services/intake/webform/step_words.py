"""The question of each step and its reason, in the words of the reporter's role. English message ids."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from shared.events.vocabulary import Role
from shared.web.translations import gettext_noop as n

V, R, T = Role.VICTIM, Role.REPRESENTATIVE, Role.THIRD_PARTY


class Asked(NamedTuple):
    """A step's heading and why its answer helps."""

    title: str
    why: str


_FOR_ALL: Final[Mapping[str, Asked]] = {
    "who": Asked(n("Who is reporting?"), n("The law gives each of the three different rights.")),
    "relation": Asked(
        n("You and the person harmed"),
        n("Spouses, close family and people they name may ask for deletion. Papers can come later."),
    ),
    "what": Asked(
        n("What happened?"),
        n("It decides who looks first, and how soon. If you are not sure, choose the last one."),
    ),
    "urgent": Asked(
        n("Is someone threatening you?"), n("Threats, above all with a deadline, are looked at first, day and night.")
    ),
    "seen": Asked(
        n("Where and when was it seen?"), n("With a link, the centre can begin to have it taken down without asking.")
    ),
    "words": Asked(n("In your own words"), n("What you write here you need not tell again. You may leave it empty.")),
    "other": Asked(n("Who did it?"), n("It tells the centre what could be dangerous for you, and which help fits.")),
    "told": Asked(n("Who knows about it already?"), n("So that nothing is done twice and you need not tell it again.")),
    "place": Asked(n("Where should help be near?"), n("Your report goes to the centre of that place.")),
    "district": Asked(
        n("In which district?"), n("There are two centres there; the district tells which one is yours.")
    ),
    "about": Asked(
        n("About you"), n("Some help is only for young people, and some for everybody. Nobody is turned away.")
    ),
    "language": Asked(n("Your language, and your name"), n("So that the centre speaks to you as you wish.")),
    "contact": Asked(n("May the centre contact you?"), n("They use only the ways you choose here.")),
    "reach": Asked(n("How can they reach you?"), n("Only people of the centre that has your report can see it.")),
    "safe": Asked(
        n("What keeps you safe when they call?"),
        n("So that nobody near you learns of it. All of it may be left empty."),
    ),
    "now": Asked(
        n("What do they want, and until when?"),
        n("Such reports are looked at first, day and night. Two short pages, then you can send it."),
    ),
    "now-contact": Asked(n("May the centre contact you?"), n("They use only the ways you choose here.")),
    "y-what": Asked(n("What happened to you?"), n("You can choose more than one. It is fine not to be sure.")),
    "y-age": Asked(n("How old are you?"), n("Then somebody who knows about helping people of your age looks first.")),
    "y-now": Asked(n("Is that person frightening you?"), n("If so, we look at it first, at night too.")),
    "y-words": Asked(n("Tell us in your words"), n("Short is fine, and so is nothing at all.")),
    "y-place": Asked(n("Where do you live?"), n("Then people near you can help.")),
    "y-contact": Asked(
        n("May we contact you?"), n("Only in the way you choose. We call neither your parents nor your school unasked.")
    ),
}

_FOR: Final[Mapping[tuple[str, Role], Asked]] = {
    ("what", R): Asked(
        n("What happened to the person?"),
        n("It decides who looks first, and how soon. If you are not sure, choose the last one."),
    ),
    ("what", T): Asked(
        n("What did you see or find?"),
        n("It decides who looks first, and how soon. If you are not sure, choose the last one."),
    ),
    ("urgent", R): Asked(
        n("Is someone threatening the person?"),
        n("Threats, above all with a deadline, are looked at first, day and night."),
    ),
    ("urgent", T): Asked(
        n("Is someone being threatened?"), n("Threats, above all with a deadline, are looked at first, day and night.")
    ),
    ("other", R): Asked(
        n("Who did it to the person?"),
        n("It tells the centre what could be dangerous for the person, and which help fits."),
    ),
    ("other", T): Asked(
        n("Do you know who did it?"),
        n("It tells the centre what could be dangerous for the person, and which help fits."),
    ),
    ("words", T): Asked(n("In your own words"), n("What you saw, where and when. You may leave it empty.")),
    ("place", R): Asked(
        n("Where should help be near?"),
        n("Your report goes to the centre of that place. Choose where the person harmed needs help."),
    ),
    ("place", T): Asked(
        n("Where is the person, if you know?"),
        n("Your tip goes to the centre of that place; without one, to any centre."),
    ),
    ("about", R): Asked(
        n("About the person harmed"),
        n("Some help is only for young people, and some for everybody. Nobody is turned away."),
    ),
    ("about", T): Asked(
        n("About the person harmed, if you know"),
        n("If a child or young person may be harmed, someone looks at once."),
    ),
    ("contact", R): Asked(
        n("May the centre contact you?"),
        n("You, not the person harmed. They use only the ways you choose here."),
    ),
    ("contact", T): Asked(
        n("May the centre contact you?"), n("You do not have to be reachable. A tip without a name counts as much.")
    ),
}

SAFE_TO_SPEAK: Final = n(
    "What you see here and with your receipt tells nothing about the person harmed. Until that person has confirmed "
    "the report in a way of their own, your receipt shows only whether somebody has seen it, whether it is closed, and "
    "answers that the centre leaves for you. This protects people from those who only claim to help."
)
"""Said to representatives: the offender may be a spouse or a parent."""
A_TIP: Final = n(
    "Your report is a tip. It opens no case in the name of the person harmed and nobody is asked about you. Sexual "
    "images of people under 19 are taken down without anybody having to ask."
)
"""Said to third parties."""


def role_of(given: str) -> Role:
    """The role the wording follows; that of a person harmed until another is chosen."""
    return Role(given) if given in set(Role) else Role.VICTIM


def asked(slug: str, role: Role) -> Asked:
    """Heading and reason of a step for a role."""
    return _FOR.get((slug, role), _FOR_ALL[slug])


def note(slug: str, role: Role) -> str:
    """Return the note shown first, once, to a representative; empty otherwise."""
    if slug == "relation":
        return SAFE_TO_SPEAK
    return A_TIP if (slug, role) == ("what", T) else ""


_YOUNG: Final[Mapping[str, str]] = {
    "harm_types": n("What happened to you?"),
    "age_band": n("How old are you?"),
    "threatened": n("Do they say they will show your pictures or your secret to others?"),
    "money_demanded": n("Do they ask for pictures or money?"),
    "threat_deadline": n("Did they say until when?"),
    "narrative": n("What you want to tell"),
    "accounts": n("The name or ID of that person, and the app"),
    "division": n("Where do you live?"),
    "contact_channels": n("How may we contact you?"),
    "phone": n("Your phone number"),
    "not_safe": n("Is there anything we should be careful about?"),
}
"""Fields in plain words, on the path for children."""


_OF_PATH: Final[Mapping[str, Mapping[str, str]]] = {
    "now": {"accounts": n("Their account or address")},
    "young": _YOUNG,
}


def labels(path: str) -> Mapping[str, str]:
    """Return the labels of the fields on a path."""
    return {**LABELS, **_OF_PATH.get(path, {})}


LABELS: Final[Mapping[str, str]] = {
    "role": n("Who is reporting?"),
    "relation": n("Who are you to this person?"),
    "victim_knows": n("Does the person know about this report?"),
    "victim_agrees": n("Does the person want it?"),
    "harm_types": n("What happened?"),
    "threatened": n("Is there a threat?"),
    "money_demanded": n("Do they demand money or more images?"),
    "threat_deadline": n("Until when do they want it?"),
    "still_spreading": n("Is it being shared or seen right now?"),
    "platform_kind": n("On what kind of site or app?"),
    "urls": n("Links to where it can be seen"),
    "search_words": n("Search words that lead to it"),
    "seen_when": n("When was it seen?"),
    "marks": n("Fingerprints of pictures"),
    "narrative": n("In your own words"),
    "relationship": n("Who did it?"),
    "accounts": n("Do you know accounts of whoever did it?"),
    "already_told": n("Who knows about it already?"),
    "earlier_receipt": n("Earlier receipt number, if you have reported to us before"),
    "division": n("Province or city"),
    "district": n("District"),
    "declined_centers": n("Is there a centre that must not get it?"),
    "age_band": n("Age in full years"),
    "gender": n("Gender"),
    "language": n("Language for talking and writing"),
    "contact_name": n("Name you would like to be called"),
    "contact_channels": n("Ways to reach you"),
    "phone": n("Phone number"),
    "email": n("E-mail address"),
    "hours": n("When is it safe to contact you?"),
    "may_leave_message": n("Voicemail"),
    "may_say": n("If somebody else answers"),
    "not_safe": n("What should the centre avoid?"),
    "center_codeword": n("A word the centre says first"),
    "person_codeword": n("A word you answer with"),
}
"""Labels of the fields, on the page of review and beside the fields themselves."""
