"""Notices how reports stand that a front end asked about, and tells it. Nothing of a report's way waits for it.

What changes a report gives a hint in this process; once a minute all that are open are looked at, for hints that were
lost with a process. What is to be told stands in the store with its time, so that a restart loses none; killed between
the sending and the mark, it is sent again with the same ``webhook-id``. Each front end has a few connections of its
own: one that answers nothing delays itself.
"""

import asyncio
import hmac
import math
import random
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final

from prometheus_client import Counter

from services.intake.callbacks import rules
from services.intake.callbacks.channel import CallbackChannel
from services.intake.callbacks.models import Attempt, CallbackSubscription, StatusChange
from services.intake.callbacks.repository import PAGE, CallbackRepository, PageStart
from services.intake.callbacks.rules import CallbackStatus
from services.intake.clients.models import Callback, Client
from services.intake.encryption.keys import KeyedDigests
from services.intake.reports.authentication import ReportNotAuthenticError
from services.intake.reports.documents import CALLBACK, CALLBACK_SINCE, FRONT_END, Document
from services.intake.reports.models import State
from shared import log
from shared.clock import Clock, whole_milliseconds
from shared.errors import TransientError
from shared.jobs import Skipped
from shared.metrics import REGISTRY
from shared.webhooks import signed

CALLBACKS: Final = Counter(
    "ieum_intake_callbacks", "Callbacks to front ends, by what came of each sending.", ["outcome"], registry=REGISTRY
)
for _outcome in ("delivered", "failed", "given_up"):
    CALLBACKS.labels(_outcome)

NOTICE_S: Final = 5.0
"""Between two looks at what was hinted at and could not be read; a new hint is looked at at once."""
SWEEP_S: Final = 60.0
SWEPT: Final = 1_000
"""Reports that one sweep looks at; the next goes on from there."""
DROP_S: Final = 3600.0
LOOK_S: Final = 1.0
AT_ONCE: Final = 4
"""Sendings to one front end at a time."""
MOST_HINTS: Final = 10_000
_LONGEST_PAUSE_S: Final = 300.0

_log = log.get(__name__)

ReadReport = Callable[[str], Awaitable[Document | None]]
Clients = Callable[[], Awaitable[dict[str, Client]]]


class CallbackService:
    """Both halves: what is noticed, and what is sent."""

    def __init__(
        self,
        callbacks: CallbackRepository,
        read: ReadReport,
        clients: Clients,
        channel: CallbackChannel,
        keys: KeyedDigests,
        clock: Clock,
    ) -> None:
        """``read`` gives an authenticated report, ``clients`` all front ends; ``keys`` are those of callbacks."""
        self.callbacks: Final = callbacks
        self._read = read
        self._clients = clients
        self.channel: Final = channel
        self._keys = keys
        self._clock = clock
        self._hints: dict[str, None] = {}
        self._page_start = PageStart()
        self.hinted: Final = asyncio.Event()
        self._noticed = asyncio.Event()
        self._rounds: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, int] = {}
        self._paused_until: dict[str, float] = {}

    def hint(self, report_id: str) -> None:
        """Something about a report may have changed; never waits. What does not fit the sweep finds."""
        if len(self._hints) < MOST_HINTS:
            self._hints[report_id] = None
            self.hinted.set()

    async def sweep(self) -> None:
        """Look at the reports of which something may still be told, as many as are looked at in a minute."""
        now = self._clock.now()
        for _ in range(SWEPT // PAGE):
            if len(self._hints) + PAGE > MOST_HINTS:
                return
            found, following = await self.callbacks.open_reports(self._page_start, now)
            for report_id in found:
                self.hint(report_id)
            self._page_start = following or PageStart()
            if following is None:
                break

    async def drop_old(self) -> None:
        """Drop what could not be told for longer than a day, also where nobody even tries."""
        if dropped := await self.callbacks.drop_old(self._clock.now() - rules.DROPPED_AFTER):
            CALLBACKS.labels("given_up").inc(dropped)
            _log.error("callback.dropped", reports=dropped)

    async def notice(self) -> None:
        """Look at the reports that were hinted at. Raises ``TransientError``: they stay hinted at.

        Raises ``SkippedError`` at the end where one could not be read.
        """
        clients, skipped = await self._clients(), Skipped("callbacks-noticed")
        while self._hints:
            report_id = next(iter(self._hints))
            del self._hints[report_id]
            try:
                with skipped.on_error(report_id):
                    await self._notice(report_id, clients)
            except TransientError:
                self._hints[report_id] = None
                raise
        skipped.raise_if_any()

    async def _notice(self, report_id: str, clients: dict[str, Client]) -> None:
        try:
            document = await self._read(report_id)
        except ReportNotAuthenticError:
            return  # told of by its check; nothing is said of it until a person has looked
        if document is None:
            await self.callbacks.drop(report_id)
            return
        kept = await self.callbacks.of_report(report_id)
        if kept is None and CALLBACK_SINCE in document:
            kept = await self._begun(document, clients)
            if kept is None:
                await self.callbacks.close_report(report_id)
        if kept is not None:
            await self._compare(document, kept, clients.get(kept.client))

    async def _compare(self, document: Document, kept: CallbackSubscription, client: Client | None) -> None:
        report_id, reached = kept.report_id, _is_reached(client)
        now = whole_milliseconds(self._clock.now())
        told = rules.callback_status(document, now)
        if told is None:
            if kept.pending:  # noticed before the word counted, and past it if it were sent now
                await self.callbacks.hush(kept)
            return
        if told.last and not reached:
            await self.callbacks.close_report(report_id)
            await self.callbacks.drop(report_id)
            return
        if kept.over:
            await self.callbacks.close_report(report_id)
            return
        await self._look_seldom(document, told.state is State.CLOSED, now)
        # A state of a later build beside this one is for that to go on from.
        if not told.last and (told.state == kept.state or kept.state not in set(State)):
            return
        change = self._change(kept, told, now) if told.state != kept.state and reached else None
        after = {"state": told.state, "over": told.last, "sequence": change.sequence if change else kept.sequence}
        if not await self.callbacks.note(kept, after, change):
            raise TransientError("another process noticed the same report")
        if change is not None:
            self._noticed.set()
        if told.last:
            await self.callbacks.close_report(report_id)
            await self.callbacks.forget(report_id)

    def _change(self, kept: CallbackSubscription, told: CallbackStatus, now: datetime) -> StatusChange:
        change = StatusChange(
            id=str(uuid.uuid4()),
            sequence=kept.sequence + 1,
            state=told.state,
            since=whole_milliseconds(told.since),
            noticed_at=now,
        )
        return change.model_copy(update={"code": rules.change_code(self._keys, kept.report_id, change)})

    async def _look_seldom(self, document: Document, closed: bool, now: datetime) -> None:
        """Have the sweep find a closed report once a day: it may be kept for years."""
        mark = document.get(CALLBACK_SINCE)
        if mark is not None and closed == (mark <= now):
            await self.callbacks.look_from(document["_id"], now + rules.CLOSED_AGAIN if closed else now)

    async def _begun(self, document: Document, clients: dict[str, Client]) -> CallbackSubscription | None:
        asked = document.get(CALLBACK)
        if asked is None:
            return None
        report_id, front_end, reference = document["_id"], document[FRONT_END], asked["reference"]
        code = rules.reference_code(self._keys, report_id, front_end, reference)
        if not hmac.compare_digest(code, bytes(asked.get("code", b""))):
            _log.critical("callback.reference_not_authentic", report_id=report_id)
            return None
        client = clients.get(front_end)
        most = rules.MOST_OF_DRILLS if client is not None and client.sandbox else None
        if most is not None and await self.callbacks.count(front_end, most) >= most:
            _log.warning("callback.too_many_drills", client=front_end)
            return None
        begun = CallbackSubscription(
            _id=report_id,
            client=front_end,
            reference=reference,
            code=code,
            state=State.RECEIVED,
            sequence=0,
        )
        await self.callbacks.begin(begun)
        return await self.callbacks.of_report(report_id)

    async def run(self) -> None:
        """Send what is due until cancelled. Raises ``TransientError`` while the store is away."""
        self._rounds.clear()
        async with asyncio.TaskGroup() as group:
            while True:
                await self._begin_rounds(group)
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._noticed.wait()
                except TimeoutError:
                    continue
                self._noticed.clear()

    async def _begin_rounds(self, group: asyncio.TaskGroup) -> None:
        """Begin a round of each front end that has something due and is not at it. Never waits for a receiver."""
        for client in (await self._clients()).values():
            running = self._rounds.get(client.client_id)
            paused = self._paused_until.get(client.client_id, -math.inf) > self._clock.monotonic()
            if not _is_reached(client) or paused or (running is not None and not running.done()):
                continue
            due = await self.callbacks.due(client.client_id, self._clock.now(), AT_ONCE)
            if due:
                self._rounds[client.client_id] = group.create_task(self.round(client, due))

    async def round(self, client: Client, due: list[CallbackSubscription]) -> None:
        """Send to one front end until nothing is due, or nothing gets through. Raises nothing."""
        if (callback := client.callback) is None:
            return
        secrets = self._secrets(client.client_id, callback)
        try:
            while due and secrets:
                sent = await asyncio.gather(*(self._send(one, callback.url, secrets) for one in due))
                if not any(sent):
                    self._pause(client.client_id)
                    return
                self._failures.pop(client.client_id, None)
                due = await self.callbacks.due(client.client_id, self._clock.now(), AT_ONCE)
        except TransientError as error:
            _log.warning("callback.store_away", client=client.client_id, error=str(error))
        except Exception as error:  # one front end's trouble must end no other's callbacks
            _log.exception("callback.failed", client=client.client_id, error=type(error).__name__)
            self._pause(client.client_id)

    def _pause(self, client_id: str) -> None:
        failures = self._failures[client_id] = self._failures.get(client_id, 0) + 1
        pause = min(LOOK_S * 2.0 ** min(failures, 20), _LONGEST_PAUSE_S)
        self._paused_until[client_id] = self._clock.monotonic() + pause

    def _secrets(self, client_id: str, callback: Callback) -> list[str]:
        code = rules.code_of(self._keys, client_id, callback.url, callback.versions)
        if not hmac.compare_digest(code, callback.code):
            _log.critical("callback.address_not_authentic", client=client_id)
            return []
        return [rules.secret_of(self._keys, client_id, version) for version in callback.versions]

    async def _send(self, one: CallbackSubscription, url: str, secrets: list[str]) -> bool:
        now = whole_milliseconds(self._clock.now())
        change = one.pending[0]
        if not await self.callbacks.claim(one, now):
            return True  # another process is at it
        if not rules.is_authentic(self._keys, one, change):
            CALLBACKS.labels("given_up").inc()
            _log.critical("callback.not_authentic", report_id=one.report_id, client=one.client)
            attempt = Attempt(sequence=change.sequence, state=change.state, at=now, answer="not_authentic")
            await self.callbacks.done(one, attempt, now)
            return True
        body = rules.body_of(one.reference, change)
        taken, answer = await self.channel.send(url, signed(secrets, change.id, int(now.timestamp()), body), body)
        now = whole_milliseconds(self._clock.now())
        attempt = Attempt(sequence=change.sequence, state=change.state, at=now, answer=answer)
        if taken:
            CALLBACKS.labels("delivered").inc()
            await self.callbacks.done(one, attempt, now)
            return True
        CALLBACKS.labels("failed").inc()
        if rules.given_up(change, now):
            CALLBACKS.labels("given_up").inc()
            _log.error("callback.given_up", client=one.client, sequence=change.sequence, answer=answer)
            await self.callbacks.done(one, attempt, now)
        else:
            chance = random.random()  # noqa: S311  # spreading, not secrecy
            await self.callbacks.failed(one, attempt, rules.retry_at(one.tries + 1, now, chance))
        return False


def _is_reached(client: Client | None) -> bool:
    """Whether there is a front end to be told, and where."""
    return client is not None and client.callback is not None and not client.disabled
