"""Every public page of intake, from the routes of the application, and what a page must be like on any screen."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain, cycle
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from playwright.async_api import Page, Response

from services.intake.clients.service import ClientService
from services.intake.receipts.pages import ACTIONS
from services.intake.webform import drafts, safety_texts, steps
from services.intake.webform.advice import NOTES
from shared.clock import SystemClock
from shared.identity.roles import Action, Scope
from shared.web import authorization
from shared.web.form_body import Typed
from tests.browser.helpers import follow
from tests.integration.intake.harness import IntakeHarness
from tests.support.keys import KEYS

NARROW: Final = {"width": 360, "height": 740}
WIDE: Final = {"width": 1280, "height": 1024}
ZOOMED: Final = {"width": 320, "height": 256}
"""What is left of 1280 by 1024 at 400 %, where each pixel of a style sheet is four of the screen."""
FULLEST: Final = Typed(
    {
        "role": ("representative",),
        "harm_types": ("distribution",),
        "division": ("jeonnam-gwangju",),
        "contact_channels": ("text", "email"),
        "phone": ("010-0000-0000",),
        "email": ("moon@example.com",),
        "narrative": ("A story long enough to be wrapped. " * 20,),
        "urls": ("https://example.com/" + "a" * 200,),
    }
)
"""Answers to which every step applies, with a word that no line holds."""
NO_PAGES: Final = {
    "/health/live": "for machines",
    "/health/ready": "for machines",
    "/metrics": "for machines",
    "/openapi.json": "for machines",
    "/static/{digest}/{name:path}": "style sheets, scripts and pictures",
    "/favicon.ico": "empty",
    "/leave": "leads away from here, and answers the script of the quick exit",
}
"""Open routes that show no page of their own, and why."""
REDIRECTS: Final = {
    "/status/{action}": "only a form leads there; whoever comes otherwise is sent to /status",
    "/details/{report_id}": "the page of details loaded again: leads staff to the case",
    "/details/{report_id}/{form}": "a form of that page loaded again, or after signing in: leads staff to the case",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A page in one of its states; with ``fields`` it is what a sent form answers."""

    name: str
    path: str
    fields: dict[str, str] | None = None
    only: str = ""
    """The one language in which it is looked at; empty: in both."""
    written_in: str = ""
    """The language of the page where that is not the reader's."""
    expect: str = "h1"
    """What must be on it, so that no other page is looked at in its place."""
    waits: bool = False
    """It sends itself when its work is done: it is looked at while it waits."""


def routes(app: FastAPI, method: str) -> list[str]:
    """The paths of pages that anybody may open, as the application has them; never a list of names."""
    return [
        entry.path
        for entry in authorization.route_actions(app)
        if entry.methods == (method,)
        and entry.actions == (Action.OPEN,)
        and not entry.path.startswith("/api/")
        and entry.path not in NO_PAGES
    ]


def not_walked(app: FastAPI, visits: Iterable[Visit]) -> list[str]:
    """Pages that no visit comes to: of these somebody must say how they are reached."""
    seen = {("GET" if visit.fields is None else "POST", visit.path) for visit in visits}
    missing = []
    for method in ("GET", "POST"):
        for route in routes(app, method):
            pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", route))
            walked = any(how == method and pattern.fullmatch(path) for how, path in seen)
            if not walked and not (method == "GET" and route in REDIRECTS):
                missing.append(f"{method} {route}")
    return missing


def plain(app: FastAPI) -> list[Visit]:
    """Pages with nothing to fill in in their address, and what an empty form is answered there.

    A new one is walked without anybody naming it.
    """
    return [
        Visit(name.format(path.strip("/").replace("/", "-") or "start"), path, fields)
        for method, fields, name in (("GET", None, "{}"), ("POST", {}, "{}-empty"))
        for path in routes(app, method)
        if "{" not in path
    ]


def parametrised() -> list[Visit]:
    """Pages of which there are several."""
    ways = (steps.way(FULLEST), steps.PATHS[steps.NOW], steps.PATHS[steps.YOUNG])
    found = [Visit(f"step-{one.slug}", f"/form/{one.slug}", expect="#step") for one in chain(*ways)]
    found.append(Visit("check", f"/form/{steps.CHECK}", expect="#send"))
    found += [Visit(f"note-{slug}", f"/notes/{slug}") for slug in NOTES]
    # Their text is the same whatever the reader's language; only the frame around them changes.
    found += [
        Visit(f"in-{language}", f"/in/{language}", only=_beside(language), written_in=language)
        for language in safety_texts.load()
    ]
    # The frame is one page for all languages and notes: one note of each language, so that each note is seen too.
    turns = zip(safety_texts.LANGUAGES, cycle(safety_texts.NOTES), strict=False)
    found += [Visit(f"in-{one}-{note}", f"/in/{one}/{note}", only=_beside(one), written_in=one) for one, note in turns]
    return [*found, Visit("nothing-here", "/nothing-here")]


def _beside(language: str) -> str:
    """Whose pages those of a language are walked with: one template makes them all, so two do for `make test`."""
    return "ko" if language in {"ko", "ne"} else "en"


def answered(lodged: dict[str, Any]) -> list[Visit]:
    """What forms answer, good and bad; ``lodged`` is the answer to a report of which the receipt is used."""
    receipt = {"receipt": str(lodged["receipt"])}
    least = {"role": "victim", "harm_types": "other", "consents": "personal", "language": "ko"}
    wrong = {"narrative": "900101-1234567", "urls": "ftp://example.com", "contact_channels": "email", "email": "nobody"}
    found = [
        Visit("receipt", "/", {**least, "idempotency_key": secrets.token_urlsafe(24)}, expect=".receipt-code"),
        Visit("errors", "/", {**least, **wrong}, expect=".error-summary"),
        Visit("errors-check", "/", {**least, **wrong, "page": "check"}, expect=".error-summary"),
        Visit(
            "proof-of-work", "/", {**least, "go": "stay", "challenge": "1"}, expect="[data-proof-of-work]", waits=True
        ),
        Visit("step-error", "/form/words", {"go": "next", "narrative": "900101-1234567"}, expect=".error-summary"),
        Visit("status-error", "/status", {"receipt": "0000 0000 0000 0001"}, expect=".error-summary"),
        Visit("status-told", "/status", receipt, expect=".way"),
        Visit("proof-real", "/verify-proof", {**receipt, "proof": str(lodged["proof"])}),
        Visit("proof-false", "/verify-proof", {"proof": "nothing of ours"}),
    ]
    found += [Visit(f"status-{action}", f"/status/{action}", receipt) for action in ACTIONS]
    return [*found, Visit("status-message-error", "/status/message", {**receipt, "step": "do", "text": ""})]


async def everything(harness: IntakeHarness) -> list[Visit]:
    """All of them."""
    credential = await drilled(harness)
    lodged = await harness.lodge({"role": "victim", "harm_types": ["other"], "division": "busan"})
    return [*plain(harness.intake.app), *parametrised(), *answered(lodged.json()), *tried(credential)]


def tried(credential: str) -> list[Visit]:
    """The page of somebody who tries a front end out, and then has seen enough."""
    return [
        Visit("sandbox-told", "/sandbox", {"credential": credential}, expect="td"),
        Visit("sandbox-left", "/sandbox/leave", {}, expect="#credential"),
    ]


async def drilled(harness: IntakeHarness) -> str:
    """A credential for drills, with which two were sent; of one callbacks are wanted."""
    office = ClientService(harness.intake.clients.clients, KEYS, SystemClock())
    known = {client.client_id for client in await office.clients.all()}
    if "trial" in known:
        credential = await office.rotate("trial", only=True)
    else:
        credential = await office.add("trial", "Trial", [Scope.REPORTS_DRILL], 10**6)
        await office.set_callback("trial", "https://front.example.org/ieum")  # a reserved name: no such host
    await harness.intake.clients.refresh()
    headers = {"Authorization": f"Bearer {credential}"}
    drill = {"role": "victim", "harm_types": ["other"], "synthetic": True}
    for more in ({}, {"Ieum-Callback": "a-rather-long-reference-of-a-front-end"}):
        answer = await harness.http.post("/api/v1/reports", json=drill, headers=headers | more)
        assert answer.status_code == 202, answer.text
    return credential


async def prepared(harness: IntakeHarness, page: Page, site: str) -> None:
    """Give the browser a half-filled form to which every step applies."""
    token = harness.intake.drafts.new_token()
    await harness.intake.drafts.save(token, FULLEST)
    await page.context.add_cookies([{"name": drafts.COOKIE, "value": token, "url": site}])


async def go(page: Page, site: str, visit: Visit, language: str) -> Response:
    """Be on the page, in the language, where it stays; its answer. A form is sent from wherever one is on the site."""
    if visit.waits:
        await page.route("**/proof-of-work.js", lambda route: route.abort())
    if visit.fields is None:
        answer = await page.goto(f"{site}{visit.path}?lang={language}")
    else:
        if not page.url.startswith(site):
            await page.goto(f"{site}/status?lang={language}")
        answer = await follow(page, page.evaluate(_SEND, [f"{visit.path}?lang={language}", visit.fields]))
    await page.locator(visit.expect).first.wait_for()
    if visit.waits:
        await page.unroute("**/proof-of-work.js")
    assert answer is not None
    return answer


_SEND: Final = """([path, fields]) => {
  const form = document.createElement("form");
  Object.assign(form, {method: "post", action: path, hidden: true});
  for (const [name, value] of Object.entries(fields)) {
    const one = document.createElement("input");
    Object.assign(one, {type: "hidden", name, value});
    form.append(one);
  }
  document.body.append(form);
  form.submit();
}"""


@dataclass(slots=True)
class Seen:
    """What is wrong, page by page."""

    faults: list[str] = field(default_factory=list)

    async def look(self, page: Page, place: str, script: str) -> None:
        """Add what a script finds wrong on the page."""
        self.faults += [f"{place}: {found}" for found in await page.evaluate(script)]


_HERE: Final = Path(__file__).parent
CUT_OFF: Final = (_HERE / "cut_off.js").read_text(encoding="utf-8")
FOCUS: Final = (_HERE / "focus.js").read_text(encoding="utf-8")
