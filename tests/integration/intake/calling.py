"""Operators at their page, for tests: signed in, typing, handing over."""

import re
from dataclasses import dataclass
from typing import Any

import httpx

from services.intake.phone import scripts
from services.intake.phone.models import Call
from tests.integration.intake.harness import IntakeHarness

HERE = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html", "Accept-Language": "en"}
SCRIPT = {"Sec-Fetch-Site": "same-origin", "Accept": "application/json", "Accept-Language": "en"}
READ = f"ko:{scripts.VERSION}"
LEAST: dict[str, Any] = {"role": "victim", "harm_types": ["other"]}


@dataclass(slots=True)
class Operator:
    """Somebody at a call centre; a token lasts as tokens do."""

    harness: IntakeHarness
    subject: str = "s-operator1"
    organisation: str = "busan"
    role: str = "operator"
    token: str = ""

    def signed_in(self, **more: Any) -> "Operator":
        self.token = self.harness.people.token(self.organisation, self.role, subject=self.subject, **more)
        return self

    @property
    def cookie(self) -> dict[str, str]:
        if not self.token:
            self.signed_in()
        return {"Cookie": f"ieum_intake={self.token}"}

    async def get(self, path: str) -> httpx.Response:
        return await self.harness.http.get(path, headers={**HERE, **self.cookie})

    async def post(self, path: str, *, script: bool = False, **data: Any) -> httpx.Response:
        headers = SCRIPT if script else HERE
        return await self.harness.http.post(path, data=data, headers={**headers, **self.cookie})

    async def begin(self) -> str:
        """A new call's address."""
        answer = await self.post("/calls")
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    async def answer(self, at: str, **fields: Any) -> httpx.Response:
        """One field or a few, as the page's script keeps them."""
        return await self.post(at, script=True, only=list(fields), **fields)

    async def page(self, at: str, go: str = "save", **fields: Any) -> httpx.Response:
        """All of the page, as a button sends it."""
        return await self.post(at, go=go, **fields)

    async def sent(self, at: str, **fields: Any) -> str:
        """Send the report; the receipt as the page then reads it out."""
        answer = await self.page(at, "send", **fields)
        assert answer.status_code == 303, answer.text[:3000]
        return receipt_on(await self.get(answer.headers["location"]))


def receipt_on(page: httpx.Response) -> str:
    assert page.status_code == 200, page.text[:2000]
    digits = re.findall(r'<span class="four">(\d{4})</span>', page.text)
    assert len(digits) == 4
    return "-".join(digits)


async def call_of(harness: IntakeHarness, at: str) -> Call:
    found = await harness.intake.calls.read(at.rpartition("/")[2])
    assert found is not None
    return found[0]


async def stored(harness: IntakeHarness, at: str) -> dict[str, Any]:
    found = await harness.intake.calls.collection.find_one({"_id": at.rpartition("/")[2]})
    assert found is not None
    return dict(found)
