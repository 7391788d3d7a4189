"""After the week: a walk through what makes the system one that can be trusted, each step checked as it is taken.

Details by ticket, an owner that moves only when the other side accepts, a word that locks nobody out, a report taken
back and brought back. Everything through the public interfaces, as the people of the demonstration.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

import httpx
import orjson

from tools.demo.frontends import FrontEnds
from tools.demo.people import Crew
from tools.demo.progress import Progress

_PATIENCE_S: Final = 20.0
_LOOK_S: Final = 0.1
_ADULT: Final = frozenset({"19_24", "25_29", "30s", "40s", "50_up"})
_OWNER: Final = "gyeonggi"
_OTHER: Final = "busan"
JSON = dict[str, Any]


class Tour:
    """One walk; ``steps`` says what was seen, in order. What is not as it should be is in ``progress.unexpected``."""

    def __init__(self, crew: Crew, intake: httpx.AsyncClient, front_ends: FrontEnds, progress: Progress) -> None:
        """``intake`` carries no sign-in."""
        self.steps: list[tuple[str, bool]] = []
        self._owner = crew.client(f"{_OWNER}-lead")
        self._other = crew.client(f"{_OTHER}-lead")
        self._auditor = crew.client("ministry-auditor")
        self._intake = intake
        self._portal = front_ends.headers("api")
        self._progress = progress

    async def walk(self) -> None:
        """All of it. An answer nobody expected ends the walk and is a failure of the run."""
        try:
            await self._walk()
        except httpx.HTTPStatusError as error:
            path, answer = error.request.url.path.rpartition("/")[2], error.response
            self._progress.unexpected.append(f"trust: {path}: status {answer.status_code} {answer.text[:200]}")

    async def _walk(self) -> None:
        async with self._owner, self._other, self._auditor:
            steps = (self._details, self._word, self._moves, self._stays, self._closed, self._undone, self._gone)
            cases = iter(await self._enough(len(steps)))
            for step in steps:
                case = next(cases, None)
                if case is None:
                    self._say("the rest of the walk: too few reports were acknowledged in this run", fine=True)
                    return
                await step(case)

    async def _enough(self, count: int) -> list[JSON]:
        """So many cases to walk with; fewer where the staff have no more to acknowledge."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            found = await self._candidates()
            if len(found) >= count or time.monotonic() > until:
                return found
            await asyncio.sleep(_LOOK_S * 5)

    async def _candidates(self) -> list[JSON]:
        """Acknowledged cases of the owning centre, of adults who reported for themselves and declined no centre."""
        found: list[JSON] = []
        cursor = ""
        while True:
            asked = {"center": _OWNER, "state": "acknowledged", "limit": "100"} | ({"cursor": cursor} if cursor else {})
            page = (await self._owner.get("/api/v1/cases", params=asked)).raise_for_status().json()
            found += [row for row in page["cases"] if self._fits(row)]
            cursor = page["next"] or ""
            if not cursor:
                return found

    def _fits(self, row: JSON) -> bool:
        sent = self._progress.bodies.get(row["report_id"])
        body = orjson.loads(sent) if sent else {}
        return (
            body.get("role") == "victim"
            and body.get("age_band") in _ADULT
            and "child_material" not in body["harm_types"]
            and not body.get("declined_centers")
            and row["state"] == "acknowledged"
        )

    async def _details(self, case: JSON) -> None:
        asked = {"ownership": case["ownership"], "purpose": "first_contact"}
        path = f"/api/v1/cases/{case['report_id']}/details-ticket"
        given = (await self._owner.post(path, json=asked)).raise_for_status().json()
        from_us = {"Sec-Fetch-Site": "same-origin"}
        page = await self._intake.post("/details", data={"ticket": given["ticket"]}, headers=from_us)
        narrative = str(orjson.loads(self._progress.bodies[case["report_id"]]).get("narrative", ""))
        shown = page.status_code == httpx.codes.OK and _plain(narrative)[:12] in _plain(page.text)
        self._say("the owning centre opens a report's details with a ticket", fine=shown)
        again = await self._intake.post("/details", data={"ticket": given["ticket"]}, headers=from_us)
        self._say("the same ticket a second time is refused", fine=again.is_client_error)
        for name, who in (("another centre", self._other), ("an auditor", self._auditor)):
            answer = await who.post(path, json=asked)
            self._say(f"{name} gets no ticket", fine=answer.status_code == httpx.codes.FORBIDDEN)

    async def _word(self, case: JSON) -> None:
        receipt, word = self._progress.receipts[case["report_id"]], f"{secrets.token_hex(4)} moon"
        told = await self._receipt("word", {"receipt": receipt, "word": word})
        self._say("a word set with the receipt alone counts a day later", fine="word_from" in told)
        told = await self._receipt("word/cancel", {"receipt": receipt})
        self._say("until then whoever holds the receipt makes it void", fine="word_from" not in told)
        await self._receipt("messages", {"receipt": receipt, "text": "언제 연락을 주시나요?"})
        await self._until(case, lambda row: row["unread"], "a message of the reporter reaches the owning centre")

    async def _moves(self, case: JSON) -> None:
        offer = await self._offer(case, _OTHER)
        accepted = await self._other.post(f"{_case(case)}/transfer/accept", json={"offer_id": offer})
        accepted.raise_for_status()
        await self._until(
            case, lambda row: row["center_id"] == _OTHER, "an accepted transfer moves the case", who=self._other
        )
        said = {"ownership": case["ownership"], "reached": True, "way": "came_to_us"}
        late = await self._owner.post(f"{_case(case)}/contact", json=said, headers={"Accept-Language": "en"})
        explained = late.status_code == httpx.codes.FORBIDDEN and bool(late.json().get("detail"))
        self._say(f"the old centre's act no longer counts: “{late.json().get('detail', '')}”", fine=explained)

    async def _stays(self, case: JSON) -> None:
        offer = await self._offer(case, _OTHER)
        declined = await self._other.post(f"{_case(case)}/transfer/decline", json={"offer_id": offer})
        offer = await self._offer(case, "jeju") if declined.is_success else ""
        recalled = await self._owner.post(f"{_case(case)}/transfer/recall", json={"offer_id": offer})
        row = await self._row(case, self._owner)
        fine = declined.is_success and recalled.is_success and row["center_id"] == _OWNER and row["offer"] is None
        self._say("declined and recalled, a case stays where it is", fine=fine)

    async def _closed(self, case: JSON) -> None:
        done = await self._owner.post(
            f"{_case(case)}/close", json={"ownership": case["ownership"], "outcome": "supported"}
        )
        done.raise_for_status()
        await self._until(case, lambda row: row["ended"] == "closed", "a case is closed")

    async def _undone(self, case: JSON) -> None:
        receipt = self._progress.receipts[case["report_id"]]
        await self._receipt("withdraw", {"receipt": receipt})
        await self._until(case, lambda row: row["ended"] == "withdrawn", "a report taken back ends everywhere")
        path = f"{_case(case)}/details-ticket"
        answer = await self._owner.post(path, json={"ownership": case["ownership"], "purpose": "follow_up"})
        self._say("nobody opens it any more", fine=answer.is_client_error)
        await self._receipt("reinstate", {"receipt": receipt})
        await self._until(case, lambda row: row["ended"] is None, "undone within 72 hours, it waits again")

    async def _gone(self, case: JSON) -> None:
        receipt = self._progress.receipts[case["report_id"]]
        said = await self._receipt("withdraw", {"receipt": receipt, "at_once": True, "understood": True})
        fine = said.get("erasure") == "planned" and "destroy_asked_at" in said
        self._say("with the receipt alone, destruction at once waits a day and can be cancelled", fine=fine)
        await self._until(case, lambda row: row["ended"] == "withdrawn", "its case ends; the count stays")

    async def _offer(self, case: JSON, to: str) -> str:
        asked = {"to_center_id": to, "ownership": case["ownership"], "reason": "capacity", "agreed": True}
        answer = await self._owner.post(f"{_case(case)}/transfer", json=asked)
        return str(answer.raise_for_status().json()["offer_id"])

    async def _ask(self, what: str, body: JSON) -> httpx.Response:
        return await self._intake.post(f"/api/v1/receipts/{what}", json=body, headers=self._portal)

    async def _receipt(self, what: str, body: JSON) -> JSON:
        answer: JSON = (await self._ask(what, body)).raise_for_status().json()
        return answer

    async def _row(self, case: JSON, who: httpx.AsyncClient) -> JSON:
        row: JSON = (await who.get(_case(case))).raise_for_status().json()
        return row

    async def _until(
        self, case: JSON, holds: Callable[[JSON], bool], text: str, who: httpx.AsyncClient | None = None
    ) -> None:
        """Say that it became true, or that it did not in time."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            answer = await (who or self._owner).get(_case(case))
            fine = answer.is_success and bool(holds(answer.json()))
            if fine or time.monotonic() > until:
                self._say(text, fine=fine)
                return
            await asyncio.sleep(_LOOK_S)

    def _say(self, text: str, *, fine: bool) -> None:
        self.steps.append((text, fine))
        if not fine:
            self._progress.unexpected.append(f"trust: not so: {text}")


def _case(case: JSON) -> str:
    return f"/api/v1/cases/{case['report_id']}"


def _plain(text: str) -> str:
    return "".join(text.split())
