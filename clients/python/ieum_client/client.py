"""A small client of Ieum's intake for front ends. One file, to be copied; needs ``httpx`` and nothing of this project.

    async with Ieum("https://report.example", "portal.SECRET") as ieum:
        accepted = await ieum.submit({"role": "victim", "harm_types": ["other"]}, key=Ieum.new_key())
        print(accepted["receipt"])

Make the key once per report, before the first try, and keep it until there is an answer: tried again with it, a report
is never stored twice. What cannot be reached or is busy is tried again by itself, always with the same key.
"""

import asyncio
import random
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self

import httpx

TRIES: Final = 5
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_AGAIN: Final = frozenset({429, 502, 503, 504})
_REFUSED_FROM: Final = 400


class RefusedError(Exception):
    """The server said no. ``code`` is stable, ``errors`` name fields; ``detail`` may be shown to the person."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        """``problem`` is the problem document (RFC 9457); empty where the answer was none."""
        self.status: Final = status
        self.code: Final = str(problem.get("code", "unknown"))
        self.detail: Final = str(problem.get("detail", ""))
        self.errors: Final[list[dict[str, str]]] = list(problem.get("errors", ()))
        super().__init__(f"{status} {self.code}")


class NotReachedError(Exception):
    """Nobody answered, again and again. Nothing is known of the report: try later with the same key, or call 1366."""


class Ieum:
    """Intake, as a front end sees it."""

    def __init__(
        self,
        url: str,
        credential: str,
        *,
        language: str = "ko",
        transport: httpx.AsyncBaseTransport | None = None,
        timeout_s: float = 15.0,
    ) -> None:
        """``language`` (``ko`` or ``en``) is the one refusals are worded in."""
        headers = {"Authorization": f"Bearer {credential}", "Accept-Language": language}
        self._http = httpx.AsyncClient(base_url=url, headers=headers, transport=transport, timeout=timeout_s)

    @staticmethod
    def new_key() -> str:
        """An idempotency key: random, one per report, message or addition."""
        return str(uuid.uuid4())

    async def submit(self, report: Mapping[str, Any], *, key: str) -> dict[str, Any]:
        """Send a report; the answer has ``receipt``, ``proof``, ``report_id``, ``received_at``."""
        return await self._post("/api/v1/reports", report, key)

    async def status(self, receipt: str) -> dict[str, Any]:
        """Where a report stands."""
        return await self._post("/api/v1/receipts/status", {"receipt": receipt})

    async def message(self, receipt: str, text: str, *, key: str, word: str | None = None) -> dict[str, Any]:
        """Leave a message for the centre."""
        return await self._post("/api/v1/receipts/messages", _asked(receipt, word, text=text), key)

    async def amend(
        self, receipt: str, added: Mapping[str, Any], *, key: str, word: str | None = None
    ) -> dict[str, Any]:
        """Add to a report or correct it."""
        return await self._post("/api/v1/receipts/amend", _asked(receipt, word, **added), key)

    async def withdraw(self, receipt: str, *, word: str | None = None) -> dict[str, Any]:
        """Take a report back; can be undone for 72 hours."""
        return await self._post("/api/v1/receipts/withdraw", _asked(receipt, word))

    async def reinstate(self, receipt: str, *, word: str | None = None) -> dict[str, Any]:
        """Undo a withdrawal."""
        return await self._post("/api/v1/receipts/reinstate", _asked(receipt, word))

    async def hand_over(self, receipt: str, *, word: str | None = None) -> dict[str, Any]:
        """A code with which the person it is about takes a representative's report over."""
        return await self._post("/api/v1/receipts/hand-over", _asked(receipt, word))

    async def take_over(self, code: str, *, key: str, word: str | None = None, **more: object) -> dict[str, Any]:
        """Take a report over with a code; only once the person said that it is about them."""
        asked = {"code": code, "i_am_the_person": True, "word": word, **more}
        return await self._post("/api/v1/receipts/take-over", asked, key)

    async def proof_key(self) -> dict[str, Any]:
        """The public key that proofs are signed with."""
        return await self._answer(await self._http.get("/api/v1/proof-key"))

    async def __aenter__(self) -> Self:
        """Use as a context."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> dict[str, Any]:
        headers = {"Idempotency-Key": key} if key is not None else {}
        pause = _FIRST_PAUSE_S
        for attempt in range(1, TRIES + 1):
            last = attempt == TRIES
            try:
                answer = await self._http.post(path, json=dict(body), headers=headers)
            except httpx.TransportError as error:
                if last:
                    raise NotReachedError(type(error).__name__) from error
                wait = pause
            else:
                if answer.status_code not in _AGAIN or last:
                    return await self._answer(answer)
                wait = max(pause, _retry_after(answer))
            # Not all at the same moment: the random part keeps many front ends from coming back together.
            await asyncio.sleep(min(_LONGEST_PAUSE_S, wait) * (1 + random.random() / 4))  # noqa: S311  # no secret
            pause *= 2
        raise NotReachedError("no try was made")

    @staticmethod
    async def _answer(answer: httpx.Response) -> dict[str, Any]:
        try:
            found = answer.json()
        except ValueError:
            found = {}
        if answer.status_code >= _REFUSED_FROM or not isinstance(found, dict):
            raise RefusedError(answer.status_code, found if isinstance(found, dict) else {})
        return found


def _asked(receipt: str, word: str | None, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # any JSON
    return {"receipt": receipt, **({"word": word} if word is not None else {}), **more}


def _retry_after(answer: httpx.Response) -> float:
    try:
        return float(answer.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
