"""How long it takes, from a fault's end, until people are helped again: measured with reports handed in afterwards."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from aiokafka.errors import KafkaError

from tests.kill.lodger import Lodger
from tools.demo.auditor import DemoAuditor
from tools.demo.ledger import Ledger
from tools.demo.simulator import Request

PROBES: Final = 4
"""Reports that are handed in after each fault: they fall into different partitions, and the slowest one counts."""
LIMIT_S: Final = 240.0
_LOOK_S: Final = 0.1
_URGENT: Final[dict[str, Any]] = {
    "role": "victim",
    "channel": "web",
    "harm_types": ["distribution_threat"],
    "age_band": "under_14",
    "narrative": "누가 사진을 올리겠다고 협박해요.",
    "consents": {"version": "2026-11", "personal": True, "sensitive": True, "share_with_center": True},
}
_DIVISIONS: Final = ("busan", "gyeonggi", "jeju", "daegu")


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds from the fault's end until the slowest probe was accepted, had an owner, and its alert was sent."""

    accepted_s: float
    routed_s: float
    alerted_s: float


class Watcher:
    """Follows the log beside everything else and knows when something was first seen there."""

    def __init__(self, auditor: DemoAuditor, garbage: asyncio.Lock) -> None:
        """``auditor`` must be started. While ``garbage`` is held, garbage is being written and nothing is read."""
        self._auditor = auditor
        self._garbage = garbage
        self._failed: Exception | None = None
        self._wanted: dict[str, dict[str, float]] = {}

    async def run(self) -> None:
        """Look, until cancelled. A broker that is away is no news here."""
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        me = asyncio.current_task()
        while me is None or not me.cancelling():  # aiokafka may keep a cancellation to itself
            try:
                async with self._garbage:
                    self._look(await self._auditor.catch_up())
            except (KafkaError, TimeoutError, OSError):
                pass
            except Exception as error:
                self._failed = error
                raise
            await asyncio.sleep(_LOOK_S)

    def _look(self, ledger: Ledger) -> None:
        now = time.monotonic()
        for report_id, seen in self._wanted.items():
            if ledger.owner(report_id) is not None:
                seen.setdefault("routed", now)
            if ledger.alerts[report_id]:
                seen.setdefault("alerted", now)

    async def alerted(self, report_ids: Sequence[str]) -> list[dict[str, float]]:
        """When each was routed and alerted, once all are."""
        mine = {report_id: self._wanted.setdefault(report_id, {}) for report_id in report_ids}
        while not all("alerted" in seen for seen in mine.values()):  # the log gives no signal
            if self._failed is not None:
                raise RuntimeError("the log cannot be followed any more") from self._failed
            await asyncio.sleep(_LOOK_S)
        return [self._wanted.pop(report_id) for report_id in mine]

    def state_of(self, report_ids: Sequence[str]) -> str:
        """How far each has come, in words."""
        seen = [self._wanted.get(report_id, {}) for report_id in report_ids]
        return f"of {len(seen)}, {sum('routed' in s for s in seen)} routed, {sum('alerted' in s for s in seen)} alerted"


def probes(number: int, run: str) -> list[Request]:
    """Urgent reports from several provinces, with keys of their own."""
    return [
        Request(
            key=f"{run}-probe-{number:04d}-{place}",
            body=orjson.dumps({**_URGENT, "division": _DIVISIONS[place % len(_DIVISIONS)]}),
            channel="web",
        )
        for place in range(PROBES)
    ]


async def measure(lodger: Lodger, watcher: Watcher, requests: Sequence[Request], ended: float) -> Recovery:
    """Hand them in and wait until every one is alerted.

    Raises ``TimeoutError`` after ``LIMIT_S``, with what had come of them until then.
    """
    ids: list[str] = []
    accepted = ended
    try:
        async with asyncio.timeout(LIMIT_S):
            ids = await asyncio.gather(*(lodger.hand_in(request, tell=False) for request in requests))
            accepted = time.monotonic()
            seen = await watcher.alerted(ids)
    except TimeoutError:
        raise TimeoutError(watcher.state_of(ids) if ids else "not all were accepted") from None
    return Recovery(
        accepted_s=round(accepted - ended, 2),
        routed_s=round(max(one["routed"] for one in seen) - ended, 2),
        alerted_s=round(max(one["alerted"] for one in seen) - ended, 2),
    )
