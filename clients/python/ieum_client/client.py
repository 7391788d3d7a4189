"""Intake as a front end sees it, once for threads and once for asyncio. One method per operation of the API.

    with Client("https://report.example", credential) as ieum:
        accepted = ieum.submit_report(
            {"role": "victim", "harm_types": ["other"]}, idempotency_key=new_idempotency_key()
        )
        print(accepted.receipt)

Make the key before the first try and keep it until there is an answer: what is sent again with it is stored once. What
cannot be reached or is busy is tried again by itself, as ``/problems`` says, always with the same key.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Self, TypeVar

import httpx

from ieum_client.calls import Call, NoReply, Outcome, Reply, Request, RetryPolicy, Steps, steps, with_receipt
from ieum_client.models import (
    Accepted,
    Amendment,
    Answer,
    AnswersLeft,
    Consents,
    Contact,
    HandOver,
    ProofKey,
    StatusAnswer,
    Submission,
    Taken,
    TakenOver,
)
from ieum_client.rate_limit import RateLimit

A = TypeVar("A", bound=Answer)

_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_WRONG_USE: Final = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
"""Faults of whoever calls, such as a credential with a line end: trying again would not help."""


class _Settings:
    """Settings of both clients."""

    def __init__(
        self,
        url: str,
        credential: str,
        language: str,
        timeout_s: float,
        retry: RetryPolicy,
        chance: Callable[[], float],
    ) -> None:
        self.url: Final = url
        self.headers: Final = {"Authorization": f"Bearer {credential}", "Accept-Language": language}
        self.timeout_s: Final = timeout_s
        self.retry: Final = retry
        self.chance: Final = chance
        self.rate_limit: RateLimit | None = None

    def steps(self, call: Call, answer: type[A]) -> Steps[A]:
        return steps(call, answer, self.retry, self.chance, self._note)

    def _note(self, told: RateLimit) -> None:
        self.rate_limit = told


def _reply(response: httpx.Response) -> Reply:
    return Reply(response.status_code, response.headers, response.content)


def _timeout(whole_s: float) -> httpx.Timeout:
    """Less until it is sent than for all of the attempt: what was never sent is told from what may have arrived."""
    unsent_s = whole_s * 2 / 3
    return httpx.Timeout(whole_s, connect=unsent_s, pool=unsent_s)


def _no_reply(error: httpx.RequestError) -> NoReply:
    if isinstance(error, _WRONG_USE):
        raise error
    return NoReply(type(error).__name__, sent=not isinstance(error, _UNSENT))


class Client:
    """Intake, for threads. One client may be shared by several."""

    def __init__(
        self,
        url: str,
        credential: str,
        *,
        language: str = "ko",
        timeout_s: float = 15.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  # immutable
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``language`` (``ko`` or ``en``) is that of ``detail``.

        ``timeout_s`` is for each attempt: two thirds of it to connect, and then all of it for each part of the answer,
        since nothing interrupts a thread. An answer that comes drop by drop takes longer.

        ``transport``, ``sleep`` and ``chance`` are for tests.
        """
        self._settings = _Settings(url, credential, language, timeout_s, retry, chance)
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=url, headers=self._settings.headers, timeout=_timeout(timeout_s), transport=transport
        )

    @property
    def rate_limit(self) -> RateLimit | None:
        """The rest of this credential's requests, by the last answer that told."""
        return self._settings.rate_limit

    def submit_report(self, report: Submission, *, idempotency_key: str, callback: str | None = None) -> Accepted:
        """Send a report. The answer is the only time that its receipt is told."""
        return self._do(Call("submit_report", report, idempotency_key, callback=callback), Accepted)

    def get_report_status(self, receipt: str, *, word: str | None = None, visitor: str | None = None) -> StatusAnswer:
        """Return the status of a report. ``visitor``: your name for the person's network, see ``Ieum-Visitor``."""
        return self._do(Call("get_report_status", with_receipt(receipt, word), visitor=visitor), StatusAnswer)

    def leave_message(
        self, receipt: str, text: str, *, idempotency_key: str, word: str | None = None, visitor: str | None = None
    ) -> Taken:
        """Leave a message for the centre."""
        return self._do(Call("leave_message", with_receipt(receipt, word, text=text), idempotency_key, visitor), Taken)

    def read_answers(self, receipt: str, *, word: str | None = None, visitor: str | None = None) -> AnswersLeft:
        """The centre's answers. The centre learns that they were read."""
        return self._do(Call("read_answers", with_receipt(receipt, word), visitor=visitor), AnswersLeft)

    def amend_report(
        self,
        receipt: str,
        amendment: Amendment,
        *,
        idempotency_key: str,
        word: str | None = None,
        visitor: str | None = None,
    ) -> Taken:
        """Add to a report or correct it: texts are added, answers replaced, fields left out stay."""
        return self._do(
            Call("amend_report", {**amendment, **with_receipt(receipt, word)}, idempotency_key, visitor), Taken
        )

    def withdraw_report(
        self,
        receipt: str,
        *,
        at_once: bool = False,
        understood: bool = False,
        word: str | None = None,
        visitor: str | None = None,
    ) -> StatusAnswer:
        """Withdraw a report; can be undone for 72 hours.

        ``at_once`` is not sent again by itself once it may have arrived: ask for the status.
        """
        body = with_receipt(receipt, word, at_once=at_once, understood=understood)
        return self._do(Call("withdraw_report", body, visitor=visitor), StatusAnswer)

    def reinstate_report(self, receipt: str, *, word: str | None = None, visitor: str | None = None) -> StatusAnswer:
        """Undo a withdrawal."""
        return self._do(Call("reinstate_report", with_receipt(receipt, word), visitor=visitor), StatusAnswer)

    def set_word(
        self,
        receipt: str,
        *,
        word: str | None = None,
        new_word: str | None = None,
        for_status: bool | None = None,
        visitor: str | None = None,
    ) -> StatusAnswer:
        """Set a word of the person's own. Not sent again by itself once it may have arrived: ask for the status."""
        body = with_receipt(receipt, word, new_word=new_word, for_status=for_status)
        return self._do(Call("set_word", body, visitor=visitor), StatusAnswer)

    def cancel_word(self, receipt: str, *, word: str | None = None, visitor: str | None = None) -> StatusAnswer:
        """Make a word void that does not count yet."""
        return self._do(Call("cancel_word", with_receipt(receipt, word), visitor=visitor), StatusAnswer)

    def offer_hand_over(self, receipt: str, *, word: str | None = None, visitor: str | None = None) -> HandOver:
        """A code with which the person it is about takes a representative's report over. A newer one replaces it."""
        return self._do(Call("offer_hand_over", with_receipt(receipt, word), visitor=visitor), HandOver)

    def cancel_hand_over(self, receipt: str, *, word: str | None = None, visitor: str | None = None) -> StatusAnswer:
        """Make that code void."""
        return self._do(Call("cancel_hand_over", with_receipt(receipt, word), visitor=visitor), StatusAnswer)

    def take_over_report(
        self,
        code: str,
        *,
        i_am_the_person: bool,
        idempotency_key: str,
        word: str | None = None,
        word_for_status: bool | None = None,
        contact: Contact | None = None,
        consents: Consents | None = None,
        visitor: str | None = None,
    ) -> TakenOver:
        """Take a report over with a code.

        Ask the person whether it is about them: ``i_am_the_person`` is their answer.
        """
        given = {"word": word, "word_for_status": word_for_status, "contact": contact, "consents": consents}
        body = {
            "code": code,
            "i_am_the_person": i_am_the_person,
            **{name: value for name, value in given.items() if value is not None},
        }
        return self._do(Call("take_over_report", body, idempotency_key, visitor), TakenOver)

    def get_proof_key(self) -> ProofKey:
        """The public key that proofs are signed with."""
        return self._do(Call("get_proof_key"), ProofKey)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, call: Call, answer: type[A]) -> A:
        going = self._settings.steps(call, answer)
        try:
            step = next(going)
            while True:
                step = going.send(self._step(step))
        except StopIteration as end:
            found: A = end.value
            return found

    def _step(self, step: Request | float) -> Outcome | None:
        if not isinstance(step, Request):
            self._sleep(step)
            return None
        try:
            return _reply(self._http.request(step.method, step.path, content=step.content, headers=step.headers))
        except httpx.RequestError as error:
            return _no_reply(error)


class AsyncClient:
    """Intake, for asyncio."""

    def __init__(
        self,
        url: str,
        credential: str,
        *,
        language: str = "ko",
        timeout_s: float = 15.0,
        retry: RetryPolicy = RetryPolicy(),  # noqa: B008  # immutable
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``language`` (``ko`` or ``en``) is that of ``detail``; ``timeout_s`` is for the whole of each attempt.

        ``transport``, ``sleep`` and ``chance`` are for tests.
        """
        self._settings = _Settings(url, credential, language, timeout_s, retry, chance)
        self._sleep = sleep
        self._http = httpx.AsyncClient(
            base_url=url, headers=self._settings.headers, timeout=_timeout(timeout_s), transport=transport
        )

    @property
    def rate_limit(self) -> RateLimit | None:
        """The rest of this credential's requests, by the last answer that told."""
        return self._settings.rate_limit

    async def submit_report(self, report: Submission, *, idempotency_key: str, callback: str | None = None) -> Accepted:
        """Send a report. The answer is the only time that its receipt is told."""
        return await self._do(Call("submit_report", report, idempotency_key, callback=callback), Accepted)

    async def get_report_status(
        self, receipt: str, *, word: str | None = None, visitor: str | None = None
    ) -> StatusAnswer:
        """Return the status of a report. ``visitor``: your name for the person's network, see ``Ieum-Visitor``."""
        return await self._do(Call("get_report_status", with_receipt(receipt, word), visitor=visitor), StatusAnswer)

    async def leave_message(
        self, receipt: str, text: str, *, idempotency_key: str, word: str | None = None, visitor: str | None = None
    ) -> Taken:
        """Leave a message for the centre."""
        return await self._do(
            Call("leave_message", with_receipt(receipt, word, text=text), idempotency_key, visitor), Taken
        )

    async def read_answers(self, receipt: str, *, word: str | None = None, visitor: str | None = None) -> AnswersLeft:
        """The centre's answers. The centre learns that they were read."""
        return await self._do(Call("read_answers", with_receipt(receipt, word), visitor=visitor), AnswersLeft)

    async def amend_report(
        self,
        receipt: str,
        amendment: Amendment,
        *,
        idempotency_key: str,
        word: str | None = None,
        visitor: str | None = None,
    ) -> Taken:
        """Add to a report or correct it: texts are added, answers replaced, fields left out stay."""
        return await self._do(
            Call("amend_report", {**amendment, **with_receipt(receipt, word)}, idempotency_key, visitor), Taken
        )

    async def withdraw_report(
        self,
        receipt: str,
        *,
        at_once: bool = False,
        understood: bool = False,
        word: str | None = None,
        visitor: str | None = None,
    ) -> StatusAnswer:
        """Withdraw a report; can be undone for 72 hours.

        ``at_once`` is not sent again by itself once it may have arrived: ask for the status.
        """
        body = with_receipt(receipt, word, at_once=at_once, understood=understood)
        return await self._do(Call("withdraw_report", body, visitor=visitor), StatusAnswer)

    async def reinstate_report(
        self, receipt: str, *, word: str | None = None, visitor: str | None = None
    ) -> StatusAnswer:
        """Undo a withdrawal."""
        return await self._do(Call("reinstate_report", with_receipt(receipt, word), visitor=visitor), StatusAnswer)

    async def set_word(
        self,
        receipt: str,
        *,
        word: str | None = None,
        new_word: str | None = None,
        for_status: bool | None = None,
        visitor: str | None = None,
    ) -> StatusAnswer:
        """Set a word of the person's own. Not sent again by itself once it may have arrived: ask for the status."""
        body = with_receipt(receipt, word, new_word=new_word, for_status=for_status)
        return await self._do(Call("set_word", body, visitor=visitor), StatusAnswer)

    async def cancel_word(self, receipt: str, *, word: str | None = None, visitor: str | None = None) -> StatusAnswer:
        """Make a word void that does not count yet."""
        return await self._do(Call("cancel_word", with_receipt(receipt, word), visitor=visitor), StatusAnswer)

    async def offer_hand_over(self, receipt: str, *, word: str | None = None, visitor: str | None = None) -> HandOver:
        """A code with which the person it is about takes a representative's report over. A newer one replaces it."""
        return await self._do(Call("offer_hand_over", with_receipt(receipt, word), visitor=visitor), HandOver)

    async def cancel_hand_over(
        self, receipt: str, *, word: str | None = None, visitor: str | None = None
    ) -> StatusAnswer:
        """Make that code void."""
        return await self._do(Call("cancel_hand_over", with_receipt(receipt, word), visitor=visitor), StatusAnswer)

    async def take_over_report(
        self,
        code: str,
        *,
        i_am_the_person: bool,
        idempotency_key: str,
        word: str | None = None,
        word_for_status: bool | None = None,
        contact: Contact | None = None,
        consents: Consents | None = None,
        visitor: str | None = None,
    ) -> TakenOver:
        """Take a report over with a code.

        Ask the person whether it is about them: ``i_am_the_person`` is their answer.
        """
        given = {"word": word, "word_for_status": word_for_status, "contact": contact, "consents": consents}
        body = {
            "code": code,
            "i_am_the_person": i_am_the_person,
            **{name: value for name, value in given.items() if value is not None},
        }
        return await self._do(Call("take_over_report", body, idempotency_key, visitor), TakenOver)

    async def get_proof_key(self) -> ProofKey:
        """The public key that proofs are signed with."""
        return await self._do(Call("get_proof_key"), ProofKey)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _do(self, call: Call, answer: type[A]) -> A:
        going = self._settings.steps(call, answer)
        try:
            step = next(going)
            while True:
                step = going.send(await self._step(step))
        except StopIteration as end:
            found: A = end.value
            return found

    async def _step(self, step: Request | float) -> Outcome | None:
        if not isinstance(step, Request):
            await self._sleep(step)
            return None
        try:
            async with asyncio.timeout(self._settings.timeout_s):  # httpx limits each wait for a part of the answer
                request = self._http.request(step.method, step.path, content=step.content, headers=step.headers)
                return _reply(await request)
        except TimeoutError as error:
            return NoReply(type(error).__name__, sent=True)
        except httpx.RequestError as error:
            return _no_reply(error)
