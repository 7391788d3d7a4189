"""Pages of advice, and which of them fit what somebody answered. English message ids; addresses say nothing.

Facts: 1366 and 112, 1577-1366 in thirteen languages, 117 and 1388 for young people; the central centre's
number. What to do under threat follows what Korean police and centres publish: do not pay, keep evidence, cut contact
through the account that was used, and treat a phone on which a file was installed as read by others.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from shared.events.vocabulary import AgeBand, HarmType, Role
from shared.web.form_body import Typed
from shared.web.translations import gettext_noop as n


class AdviceSection(NamedTuple):
    """A heading and what to do, in order."""

    title: str
    items: tuple[str, ...]


class Note(NamedTuple):
    """One page."""

    link: str
    """The text of a link to it."""
    title: str
    lead: str
    parts: tuple[AdviceSection, ...]


_CALL_LIST: Final = n(
    "Calls to 1366 may show in the list of calls and on the phone bill. Delete the entry if others see your phone."
)
_NO_MEDIA: Final = n("Do not send the pictures to anybody to prove it, not to us either. The link is enough.")
UNDER_19: Final = n(
    "If anybody under 19 may be in it, yourself included: take no screenshot, save nothing and do not open it again. "
    "Even as evidence the law may forbid having it. Tell us or 112 the link or the account; the centre and the police "
    "secure the evidence."
)
"""Having such material is a crime, whatever for: article 11(5) of the Act that protects children and youth."""

NOTES: Final[Mapping[str, Note]] = {
    "money": Note(
        n("They threaten me or want money"),
        n("When someone threatens you"),
        n("Many people go through this, and it can be stopped. You have done nothing wrong."),
        (
            AdviceSection(
                n("Now"),
                (
                    n("Do not pay and send no more pictures. Whoever gets something comes back for more."),
                    n(
                        "Keep the words of the chat. Take screenshots of the written threats, the account name, the "
                        "account number for money and the time, without sexual pictures."
                    ),
                    UNDER_19,
                    n("Stop answering. Do not tell them that you ask for help."),
                    n(
                        "If they named a time, tell it in the report or call 1366 or 112: such reports are looked at "
                        "first."
                    ),
                ),
            ),
            AdviceSection(
                n("If you installed an app or opened a file"),
                (
                    n(
                        "Your phone may be read by them: contacts, messages, perhaps this page. Use another device for "
                        "help if you can."
                    ),
                    n(
                        "Switch on flight mode. Do not reset the phone yet: it is evidence. 112 or the centre can look "
                        "at it."
                    ),
                    n("Change passwords from another device, the one of your mail first."),
                    n("Warn close people in one sentence that strange messages may come, and to open nothing."),
                ),
            ),
            AdviceSection(n("Good to know"), (_CALL_LIST, _NO_MEDIA)),
        ),
    ),
    "links": Note(
        n("It is being shared now"),
        n("When it is being shared right now"),
        n(
            "The centre asks sites and search engines to take it down, again and again, and looks for copies. It costs "
            "nothing."
        ),
        (
            AdviceSection(
                n("Now"),
                (
                    n(
                        "Copy the address of each place where you saw it, and write it into the report. One is enough "
                        "to begin."
                    ),
                    n(
                        "If only adults are in it: take a screenshot with address and time before it disappears. Then "
                        "you need not look at it again."
                    ),
                    UNDER_19,
                    n("Report it to the site or app as well, if you can. Whoever runs it must act on it."),
                    n("Let nobody search for it out of curiosity: searching and sending it on makes it spread."),
                ),
            ),
            AdviceSection(
                n("What to leave"),
                (
                    n("Do not write to whoever posted it, and pay nobody who offers to delete it for money."),
                    _NO_MEDIA,
                    _CALL_LIST,
                ),
            ),
        ),
    ),
    "pictures": Note(
        n("A picture of me was edited"),
        n("When your face was put into sexual images"),
        n("Making, having and watching such images is a crime, even if nobody believes that they are real."),
        (
            AdviceSection(
                n("Now"),
                (
                    n("Write down what shows who made or sent it: account names, room names, links, times."),
                    UNDER_19,
                    n("Which of your pictures was used? Where it had been posted helps to find who did it."),
                    n("Set your profiles to private for now, and take down pictures others could use."),
                    n(
                        "If it came in a group chat, write down the address of the room and the members' account names "
                        "before you leave. You need not save the pictures."
                    ),
                ),
            ),
            AdviceSection(
                n("Good to know"),
                (_NO_MEDIA, n("Police may investigate undercover where it is about people under 19."), _CALL_LIST),
            ),
        ),
    ),
    "younger": Note(
        n("For children and young people"),
        n("For children and young people"),
        n("Did something bad happen to you online? It is not your fault. You may tell us, whatever happened."),
        (
            AdviceSection(
                n("What you can do now"),
                (
                    n("You can call 1366, day or night. You do not have to say your name. It costs nothing."),
                    n("You can also write to us here. You only need to answer one question."),
                    n("Young people can also call or text 1388, or call 117."),
                    n(
                        "Are you afraid right now, or is someone on the way to you? Call 112. If you cannot speak, "
                        "send 112 a text message."
                    ),
                ),
            ),
            AdviceSection(
                n("Does someone want pictures or money?"),
                (
                    n("Send nothing more. Even if they say they will show your pictures to others."),
                    n(
                        "Write down the app and the name of that person. You need not save or show any picture: the "
                        "police and the centre look for the evidence."
                    ),
                    n("Do not meet that person."),
                ),
            ),
            AdviceSection(
                n("Who gets to know?"),
                (
                    n("We do not call your parents or your school unless you say that we may."),
                    n("The people who read it help children every day. They do not scold you."),
                    n(
                        "Sometimes the law says that they must tell the police, because someone hurt a child. They "
                        "talk with you about it."
                    ),
                    n(
                        "To take pictures down, they do not need your parents. For some other things they may. They "
                        "tell you before."
                    ),
                ),
            ),
            AdviceSection(
                n("Is there a grown-up you trust?"),
                (
                    n("A relative, a teacher, a school nurse, a friend's mother: you can show them this page."),
                    n("If nobody comes to mind, call 1366. They listen to you."),
                ),
            ),
        ),
    ),
    "browser": Note(
        n("How to leave fewer traces"),
        n("Leaving fewer traces on this device"),
        n(
            "We leave nothing on this device but a note for this visit, which goes when you close the browser. Your "
            "browser and others may keep more."
        ),
        (
            AdviceSection(
                n("In this browser"),
                (
                    n(
                        "Open the history and delete the entries of this site. Delete single ones: an empty history "
                        "can look strange."
                    ),
                    n("On a computer, Ctrl+H shows the history in most browsers; on a phone it is in the menu."),
                    n("Close all windows of the browser at the end, so that the note for this visit goes too."),
                    n("Next time, use a private or secret window. It keeps no history on the device."),
                ),
            ),
            AdviceSection(
                n("What that does not remove"),
                (
                    n(
                        "Whoever runs the network (at home, school or work) may see that this site was visited, not "
                        "what you wrote."
                    ),
                    n(
                        "A watching app on the device may see everything, also what you type. If you fear that, use "
                        "another device."
                    ),
                    n("If the browser is signed in to an account, the history may also show on your other devices."),
                    n("Files and pictures you saved, screenshots, and numbers you called stay until you delete them."),
                ),
            ),
            AdviceSection(
                n("Quick exit"),
                (
                    n(
                        "“Quick exit”, or pressing Shift three times, opens the weather page and destroys what you "
                        "have typed here."
                    ),
                    n("It cannot remove the visit from the history."),
                ),
            ),
        ),
    ),
}

FOR_ALL: Final = tuple((slug, NOTES[slug].link) for slug in ("money", "links", "pictures", "younger", "browser"))
"""Links of the start page."""

_YOUNG: Final = {AgeBand.UNDER_14, AgeBand.FROM_14_TO_18}


def fitting(typed: Typed) -> list[tuple[str, str]]:
    """Address and link of the advice that fits the answers so far."""
    harms = set(typed.all("harm_types"))
    fits = {
        "money": bool(harms & {HarmType.DISTRIBUTION_THREAT, HarmType.BODY_CAM_PHISHING})
        or "yes" in (typed.one("threatened"), typed.one("money_demanded"))
        or bool(typed.one("threat_deadline")),
        "links": HarmType.DISTRIBUTION in harms or typed.one("still_spreading") == "yes",
        "pictures": HarmType.SYNTHESIS in harms,
        "younger": typed.one("role") != Role.THIRD_PARTY
        and (typed.one("age_band") in _YOUNG or bool(harms & {HarmType.ONLINE_GROOMING, HarmType.CHILD_MATERIAL})),
    }
    return [(slug, NOTES[slug].title) for slug, fit in fits.items() if fit]
