"""The header of pages: roles and organisation of the signed-in person in words, and the links they may follow."""

from dataclasses import dataclass
from typing import Final

from shared import centers
from shared.identity.principal import Principal
from shared.identity.roles import MINISTRY, Action
from shared.labels import MINISTRY_NAME, STAFF_ROLES
from shared.web.language import Language
from shared.web.translations import Translator, gettext_noop


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the staff header."""

    service: str
    path: str
    text: str
    action: Action | None
    """Shown to who may do this; None: to everybody."""
    home: bool = False
    """Whether it is a place to begin at after signing in."""
    of: str | None = None
    """Shown only to who may do it to what belongs to this organisation."""
    covers: tuple[str, ...] = ("/",)
    """Of a start page: addresses that belong to it; ``/`` for all that no other link covers, none for itself alone."""


LINKS: Final = (
    Link("notify", "/", gettext_noop("Cases"), Action.CASES_LIST, home=True, covers=("/cases", "/centers", "/team")),
    Link("intake", "/calls", gettext_noop("Calls"), Action.CALLS_TAKE, home=True),
    Link("intake", "/", gettext_noop("Report form"), None, covers=()),
    Link("routing", "/", gettext_noop("Decisions"), Action.DECISIONS_READ),
    Link("analytics", "/", gettext_noop("Statistics"), Action.TABLES_READ, home=True),
    Link("analytics", "/operations", gettext_noop("Operations"), Action.OPERATIONS_READ, of=MINISTRY),
    Link("notify", "/audit", gettext_noop("Audit"), Action.AUDIT_READ, home=True),
    Link("intake", "/audit", gettext_noop("Audit of details"), Action.AUDIT_READ),
    Link("identity", "/audit", gettext_noop("Audit of accounts"), Action.AUDIT_READ),
    Link("intake", "/erasures", gettext_noop("Erasure"), Action.ERASURES_READ),
    Link("identity", "/accounts", gettext_noop("Accounts"), Action.ACCOUNTS_MANAGE, home=True),
    Link("identity", "/releases", gettext_noop("Account releases"), Action.ACCOUNTS_RELEASE),
    Link("notify", "/drills", gettext_noop("Drills"), Action.DRILLS_RUN),
    Link("intake", "/clients", gettext_noop("Front ends"), Action.CLIENTS_MANAGE, of=centers.CENTRAL),
)
_PUBLIC: Final = ("/",)


@dataclass(frozen=True, slots=True)
class Shown:
    """A link as the template writes it."""

    url: str
    text: str
    current: str
    """``page``, ``true`` or empty: the value of ``aria-current``."""


def links(principal: Principal | None, service: str, here: str, urls: dict[str, str]) -> list[Shown]:
    """The header's links for a principal; without one, the public ones. Texts are message ids."""
    visible = [link for link in LINKS if link.service in urls and _visible(link, principal)]
    under = [link for link in visible if link.service == service and _covers(link, here)]
    best = max(under, key=lambda link: len(link.path), default=None)
    return [
        Shown(
            urls[link.service].rstrip("/") + link.path,
            link.text,
            ("page" if here == link.path else "true") if link is best else "",
        )
        for link in visible
    ]


def home_of(principal: Principal | None, urls: dict[str, str]) -> str:
    """The start page of a principal: their first link, else their own account; of who is not known, the console."""
    if principal is None:
        return urls.get("notify", "").rstrip("/") + "/"
    for link in LINKS:
        if link.home and link.service in urls and link.action is not None and principal.may(link.action):
            return urls[link.service].rstrip("/") + link.path
    return urls.get("identity", "").rstrip("/") + "/account"


def organisation_name(organisation: str, language: Language, translator: Translator) -> str:
    """The short name of a centre, of ``central`` or of the ministry; the id itself where there is none."""
    if organisation == MINISTRY:
        return translator.gettext(MINISTRY_NAME)
    if organisation not in (*centers.CENTER_IDS, centers.CENTRAL):
        return organisation
    return centers.center(organisation).short_name(language)


def role_names(roles: object, translator: Translator) -> str:
    """Roles in words, in the order of the table."""
    given = set(roles) if isinstance(roles, (set, frozenset, list, tuple)) else set()
    return ", ".join(translator.gettext(word) for role, word in STAFF_ROLES.items() if role in given)


def _visible(link: Link, principal: Principal | None) -> bool:
    if principal is None:
        return link.path in _PUBLIC
    return link.action is None or principal.may(link.action, link.of)


def _covers(link: Link, here: str) -> bool:
    if here == link.path:
        return True
    under = link.covers if link.path == "/" else (link.path,)
    return any(path in ("/", here) or here.startswith(f"{path}/") for path in under)
