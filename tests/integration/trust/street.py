"""Everybody who comes by, with a canary in everything they say: reporters, front ends, strangers, staff."""

import html
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from services.intake.webform import steps
from shared.web.form_body import Typed
from tests.integration.trust.canaries import Canaries
from tests.integration.trust.places import Answers
from tests.support.waiting import DEADLINE_S, eventually
from tools.demo.people import Crew
from tools.local.stack import Stack

OWNER, OTHER = "busan", "jeju"
HERE = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
RECEIPTS = "/api/v1/receipts"


class Street:
    """Everybody who comes by, and what they say."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.canaries = Canaries(seed=secrets.randbits(32))
        self.answers = Answers()
        self.answers.meant = {"/api/v1/reports", "/api/v1/sign-in", "/api/v1/session/renew"}
        self.receipts: list[tuple[str, str]] = []
        """Report id and receipt."""

    @asynccontextmanager
    async def http(self, service: str, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
        hooks = {"response": [self.answers.note]}
        base = self.stack.urls[service]
        async with httpx.AsyncClient(
            base_url=base, event_hooks=hooks, headers=headers, timeout=DEADLINE_S, trust_env=False
        ) as client:
            yield client

    def report(self, role: str, **more: Any) -> dict[str, Any]:
        """A report with a canary in every personal field."""
        return {
            "role": role,
            "harm_types": ["distribution"],
            "division": "busan",
            "age_band": "30s",
            **self._personal(role),
            "consents": {"version": "2026-11", "personal": True},
            **more,
        }

    def amendment(self, role: str) -> dict[str, Any]:
        """An addition with a canary in every personal field."""
        return self._personal(f"{role}: added")

    def _personal(self, whose: str) -> dict[str, Any]:
        new = self.canaries
        contact = {
            "channels": ["phone", "email"],
            "name": new.text(f"{whose}: name"),
            "phone": new.phone(f"{whose}: phone"),
            "email": new.email(f"{whose}: email"),
            "hours": new.text(f"{whose}: hours"),
            "not_safe": new.text(f"{whose}: not safe"),
            "center_codeword": new.text(f"{whose}: word of the centre"),
            "person_codeword": new.text(f"{whose}: word of the person"),
        }
        return {
            "narrative": new.text(f"{whose}: narrative"),
            "urls": [new.url(f"{whose}: url")],
            "fingerprints": [new.digest(f"{whose}: fingerprint")],
            "picture_hashes": [new.digest(f"{whose}: picture hash")],
            "seen_when": new.text(f"{whose}: seen when"),
            "search_words": new.text(f"{whose}: search words"),
            "threat_deadline": new.moment(f"{whose}: deadline"),
            "offender_handles": [new.line(f"{whose}: offender's handle")],
            "contact": contact,
        }

    def form(self, whose: str) -> dict[str, str]:
        """What a browser sends of the whole form, with a canary in every field that takes what somebody types."""
        new = self.canaries
        return {
            "role": "victim",
            "harm_types": "other",
            "division": "busan",
            "age_band": "30s",
            "narrative": new.text(f"{whose}: narrative"),
            "urls": new.url(f"{whose}: url"),
            "contact_channels": "phone",
            "contact_name": new.text(f"{whose}: name"),
            "phone": new.phone(f"{whose}: phone"),
            "email": new.email(f"{whose}: email"),
            "hours": new.text(f"{whose}: hours"),
            "not_safe": new.text(f"{whose}: not safe"),
            "center_codeword": new.text(f"{whose}: word of the centre"),
            "person_codeword": new.text(f"{whose}: word of the person"),
            "marks": f"{new.digest(f'{whose}: fingerprint')}\npdq:{new.digest(f'{whose}: picture hash')}",
            "search_words": new.text(f"{whose}: search words"),
            "seen_when": new.text(f"{whose}: seen when"),
            # A control that comes with the question about accounts; a form that has none of this name ignores it.
            "accounts": new.line(f"{whose}: offender's account"),
            "threat_deadline": new.minute(f"{whose}: deadline"),
            "word": new.line(f"{whose}: word"),
            "consents": "personal",
        }


async def duty(crew: Crew) -> None:
    for center in (OWNER, OTHER):
        async with crew.client(f"{center}-lead") as http:
            said = {"state": "open", "staff_on_duty": 5, "cases_per_person": 20}
            (await http.put(f"/api/v1/centers/{center}/duty", json=said)).raise_for_status()


async def lodged_by_programs(street: Street, credential: str) -> None:
    """By API: the person harmed with a word, somebody on their behalf, a third party."""
    new = street.canaries
    async with street.http("intake", authorization=f"Bearer {credential}") as http:
        for role in ("victim", "representative", "third_party"):
            more: dict[str, Any] = {"word": new.line("word")} if role == "victim" else {}
            more |= {"on_behalf": {"relation": "sibling", "victim_knows": True}} if role == "representative" else {}
            headers = {
                "Idempotency-Key": new.line(f"{role}: key") * 2,
                "User-Agent": new.line(f"{role}: agent"),
                "Referer": new.url(f"{role}: referer"),
                "X-Forwarded-For": "203.0.113.77",
            }
            answer = await http.post(
                "/api/v1/reports",
                json=street.report(role, **more),
                headers=headers,
                params={"q": new.line(f"{role}: query")},
            )
            assert answer.status_code == 202, answer.text
            street.receipts.append((answer.json()["report_id"], answer.json()["receipt"]))
            word = {"word": more["word"]} if "word" in more else {}
            asked = {"receipt": answer.json()["receipt"], **word}
            for path, said in (
                ("messages", {"text": new.text(f"{role}: message")}),
                ("amend", street.amendment(role)),
                ("status", {}),
                ("word", {"new_word": new.line(f"{role}: new word")}),
            ):
                headers = {"Idempotency-Key": new.line(f"{role}: {path} key") * 2}
                done = await http.post(f"{RECEIPTS}/{path}", json={**asked, **said}, headers=headers)
                assert done.status_code in {200, 201}, done.text


async def lodged_by_hand(street: Street) -> None:
    """By the form, and with its receipt on the pages."""
    new = street.canaries
    form = {**street.form("form"), "idempotency_key": secrets.token_urlsafe(24)}
    async with street.http("intake", **HERE) as http:
        unsure = await http.post("/", data={**form, "email": new.line("form: wrong email")})
        assert unsure.status_code == 422
        page = await http.post("/", data=form, params={"from": new.line("form: query")}, follow_redirects=True)
        assert page.status_code == 200, page.text[:300]
        receipt = _receipt(page.text)
        street.receipts.append(("", receipt))
        asked = {"receipt": receipt, "word": form["word"], "step": "do"}
        for action, said in (
            ("message", {"text": new.text("page: message")}),
            ("add", {"narrative": new.text("page: addition"), "urls": new.url("page: url")}),
            ("word", {"new_word": new.line("page: new word")}),
        ):
            answer = await http.post(f"/status/{action}", data={**asked, **said})
            assert answer.status_code == 200, (action, answer.text[:300])


async def lodged_step_by_step(street: Street) -> None:
    """By the steps: one draft that is sent, and one that is left half-filled and stays in the store."""
    new = street.canaries
    for kind in ("sent", "left"):
        async with street.http("intake", **HERE) as http:
            typed = street.form(kind)
            for one in steps.way(Typed({name: (value,) for name, value in typed.items()})):
                said = {name: typed[name] for name in one.controls if name in typed}
                answer = await http.post(f"/form/{one.slug}", data={"go": "next", **said})
                assert answer.status_code == 303, (one.slug, answer.text[:300])
            new.known(f"{kind}: token of the draft", http.cookies["notes"])
            if kind == "sent":
                page = await http.get("/form/check")
                hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text)
                sent: dict[str, list[str]] = {}
                for name, value in hidden:
                    sent.setdefault(name, []).append(html.unescape(value))
                receipt = _receipt((await http.post("/", data=sent, follow_redirects=True)).text)
                street.receipts.append(("", receipt))
                again = await http.get("/form/check")
                assert again.headers["location"] == "/receipt?again", "a draft that was sent is gone"


def _receipt(page: str) -> str:
    """The receipt as the page shows it."""
    found = re.findall(r"<span>(\d{4})</span>", page)
    assert len(found) == 4
    return "-".join(found)


async def worked_on(street: Street, crew: Crew, credential: str) -> None:
    """Staff see a report, move it, look it up; the reporter takes another back."""
    report_id, _ = street.receipts[0]
    owner, other, auditor = (crew.client(f"{name}") for name in (f"{OWNER}-lead", f"{OTHER}-lead", "ministry-auditor"))
    for client in (owner, other, auditor):
        client.event_hooks = {"response": [street.answers.note]}
    case = f"/api/v1/cases/{report_id}"
    street.answers.meant.add(f"{case}/details-ticket")

    async def routed() -> bool:
        return (await owner.get(case)).status_code == httpx.codes.OK

    async with owner, other, auditor:
        await eventually(routed, "the case is there")
        assert (await owner.post(f"{case}/acknowledge", json={"ownership": 1})).status_code == 200
        asked = {"ownership": 1, "purpose": "first_contact"}
        ticket = (await owner.post(f"{case}/details-ticket", json=asked)).raise_for_status().json()["ticket"]
        street.canaries.known("ticket", ticket.rpartition(".")[2])
        async with street.http("intake", **HERE) as http:

            async def opened() -> httpx.Response | None:
                page = await http.post("/details", data={"ticket": ticket}, headers=HERE)
                return page if page.status_code != httpx.codes.SERVICE_UNAVAILABLE else None

            page = await eventually(opened, "intake has heard whose the case is")
            narrative = next(one for one in street.canaries.all if one.name == "victim: narrative")
            assert page.status_code == 200
            assert narrative.core in page.text, "the details show what was written, or nothing here means anything"
            assert (await http.post("/details", data={"ticket": ticket}, headers=HERE)).status_code == 410
        moved = {"ownership": 1, "to_center_id": OTHER, "reason": "conflict_of_interest", "agreed": True}
        offer = (await owner.post(f"{case}/transfer", json=moved)).raise_for_status().json()["offer_id"]
        assert (await other.post(f"{case}/transfer/accept", json={"offer_id": offer})).status_code == 202

        async def theirs() -> bool:
            return bool((await other.get(case)).json().get("center_id") == OTHER)

        await eventually(theirs, "the case has moved")
        late = await owner.post(f"{case}/contact", json={"ownership": 1, "reached": True, "way": "phone"})
        assert late.status_code == 403
        for service in ("intake", "notify", "identity"):
            client = crew.client("ministry-auditor", service)
            client.event_hooks = {"response": [street.answers.note]}
            async with client:
                found = await client.post("/audit/look-up", data={"report_id": report_id})
                assert found.status_code == 303
                assert report_id not in found.headers["location"]
                await client.get(found.headers["location"])
    async with street.http("intake", authorization=f"Bearer {credential}") as http:
        for role, (_, receipt) in zip(("representative", "third_party"), street.receipts[1:3], strict=True):
            word = next(one.typed for one in street.canaries.all if one.name == f"{role}: new word")
            for path in ("withdraw", "reinstate", "withdraw"):
                answer = await http.post(f"{RECEIPTS}/{path}", json={"receipt": receipt, "word": word})
                assert answer.status_code == 200, answer.text
    for auth in (crew.auth(name) for name in crew.people):
        token = await auth.ready()
        street.canaries.known("token", token.rpartition(".")[2])
