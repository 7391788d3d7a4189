"""The whole system at steady rates: what a report costs in CPU, store and Kafka, and how long it takes.

``python -m tests.performance.bench_system``. One stack with every service; at each rate real
reports for a while, after a warm-up that is not counted. Written as one JSON object, to a file as well. Accepted →
routed and → first alert are taken from the logs, → shown from a console's stream; of critical ones → first mail, from
the mailbox. The embedded store's CPU is accounted for by service, collection and command, reads too, and printed as a
table. Goals: issue 16; they hold on an idle machine of two cores. On a machine that does other things, CPU, writes and
requests per report still compare; times do not.
"""

import argparse
import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
from aiokafka import AIOKafkaConsumer
from rich.console import Console
from rich.table import Table

from tests.performance.bench_latency import OVERSIGHT, Desks
from tools.demo import desk, frontends, params, people, simulator
from tools.demo.people import Crew
from tools.demo.progress import Progress
from tools.demo.submitter import submit_all
from tools.demo.summary import percentile
from tools.local.settings import SERVICES, LocalSettings
from tools.local.stack import Stack
from tools.local.store import LocalStore

RATES: Final = (10.0, 40.0, 80.0)
SECONDS: Final = 60.0
WARM_UP: Final = 600
"""At the first rate, a minute of ten a second: Kafka compiles what it runs often, half of its CPU in the first one."""
_SETTLE_S: Final = 60.0
"""How long after the last report its alert may come; what has not come then is counted as missing."""
_QUIET_S: Final = 5.0
"""Marks and progress are written within a second or two of what they are about."""
_CASE: Final = re.compile(r"/cases/(\S+)")
_ACCOUNTING: Final = Path(__file__).parent / "accounting"
_SHOWN: Final = 40
"""Rows of the printed table; the file has all."""
_NOT_COUNTED: Final = {"kafka", "mailbox"}
Accounts = dict[str, Counter[str]]


class Logs:
    """When each report's first record came in a topic, in seconds of this process's monotonic clock."""

    def __init__(self, kafka: str) -> None:
        """``kafka`` is where the brokers are."""
        self.routed: dict[str, float] = {}
        self.alerted: dict[str, float] = {}
        self.critical: set[str] = set()
        self._consumer = AIOKafkaConsumer("routings", "alerts", bootstrap_servers=kafka, auto_offset_reset="latest")

    async def run(self, ready: asyncio.Event) -> None:
        """Read until cancelled."""
        await self._consumer.start()
        try:
            for partition in self._consumer.assignment():
                await self._consumer.position(partition)
            ready.set()
            async for record in self._consumer:
                first = self.routed if record.topic == "routings" else self.alerted
                first.setdefault(record.key.decode(), time.monotonic())
                if first is self.routed and (record.value and b'"urgency":"critical"' in record.value):
                    self.critical.add(record.key.decode())
        finally:
            await self._consumer.stop()


async def mailed(stack: Stack) -> dict[str, float]:
    """When the first mail about one report alone was taken, by report, in seconds of this process's monotonic clock."""
    async with httpx.AsyncClient(trust_env=False, timeout=30.0) as client:
        answer = await client.get(f"http://127.0.0.1:{stack.settings.mail_port}/messages")
    to_monotonic = time.monotonic() - time.time()
    first: dict[str, float] = {}
    for message in answer.json()["messages"]:
        at = datetime.fromisoformat(message["received_at"]).timestamp() + to_monotonic
        for report_id in set(_CASE.findall(message["text"])):
            first[report_id] = min(first.get(report_id, at), at)
    return first


def cpu_of(stack: Stack) -> dict[str, float]:
    """Seconds of CPU so far, by process; children count with their parent."""
    used: dict[str, float] = {}
    for name, pid in stack.pids.items():
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
            used[name] = sum(one.user + one.system for one in times)
    return used


def accounts_of(stack: Stack, folder: Path) -> Accounts:
    """What was counted so far: documents written and requests to Kafka by process, the store's commands by service.

    Raises RuntimeError if a process that should count does not.
    """
    found: Accounts = {kind: Counter() for kind in ("writes", "kafka", "calls", "cpu_ns")}
    for name, pid in stack.pids.items():
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            for one in (process, *process.children(recursive=True)):
                file = folder / f"{one.pid}.json"
                if one == process and name not in _NOT_COUNTED and not file.exists():
                    raise RuntimeError(f"{name} (pid {one.pid}) counts nothing: {file} is missing")
                if file.exists():
                    prefix = "" if name == "store" else f"{name} "
                    for kind, counted in json.loads(file.read_text()).items():
                        found[kind].update({f"{prefix}{what}": many for what, many in counted.items()})
    return found


def since(before: Accounts, after: Accounts) -> Accounts:
    """What was counted between the two."""
    return {kind: counted - before[kind] for kind, counted in after.items()}


def per_report(counted: Mapping[str, int], reports: int, divisor: float = 1.0) -> dict[str, float]:
    """Each figure shared out among the reports, dearest first; what rounds to nothing is left out."""
    shares = {what: round(many / divisor / reports, 3) for what, many in counted.items()}
    return {what: share for what, share in sorted(shares.items(), key=lambda one: -one[1]) if share}


def table(result: Mapping[str, Any]) -> Table:
    """The dearest commands of the store at one rate."""
    cpu, calls = result["store_cpu_ms_per_report"], result["store_calls_per_report"]
    shown = Table(
        title=f"Store at {result['per_second']:g} reports a second: {sum(cpu.values()):.1f} ms of CPU a report",
        title_justify="left",
    )
    for head in ("service, collection, command", "CPU ms a report", "calls a report"):
        shown.add_column(head, justify="left" if head.startswith("service") else "right")
    for what, ms in list(cpu.items())[:_SHOWN]:
        shown.add_row(what, f"{ms:.2f}", f"{calls.get(what, 0.0):.2f}")
    return shown


async def at_rate(stack: Stack, desks: Desks, folder: Path, rate: float, count: int, seed: int) -> dict[str, Any]:
    """Send ``count`` reports and tell what each cost and how long it took."""
    progress, logs = Progress(), Logs(stack.kafka)
    opened, ready = asyncio.Event(), asyncio.Event()
    run = f"bench-{uuid.uuid4().hex[:10]}"
    wanted = [
        one
        for one in simulator.requests(params.load(), seed=seed, count=count, run=run)
        if one.kind == simulator.ACCEPTED
    ]
    async with (
        desks.crew.client(OVERSIGHT.name) as notify,
        httpx.AsyncClient(base_url=stack.urls["intake"], timeout=30.0, trust_env=False) as intake,
    ):
        following = [
            asyncio.create_task(desk.follow(notify, desk.OVERSIGHT, desk.shower(progress), opened)),
            asyncio.create_task(logs.run(ready)),
        ]
        try:
            async with asyncio.timeout(_SETTLE_S):
                await opened.wait()
                await ready.wait()
            cpu, accounts, began = cpu_of(stack), accounts_of(stack, folder), time.monotonic()
            await submit_all(intake, wanted, progress, rate, desks.front_ends)
            sent_s = time.monotonic() - began
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_SETTLE_S):
                    await _all_through(progress, logs)
            await asyncio.sleep(_QUIET_S)
            spent = {name: used - cpu.get(name, 0.0) for name, used in cpu_of(stack).items()}
            counted = since(accounts, accounts_of(stack, folder))
            first_mails = await mailed(stack)
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
    accepted = progress.accepted_at
    critical = {report_id: at for report_id, at in accepted.items() if report_id in logs.critical}
    reports = max(1, len(accepted))
    return {
        "per_second": rate,
        "accepted": len(accepted),
        "unexpected": progress.unexpected[:3],
        "accepted_per_second": round(len(accepted) / sent_s, 1),
        "cpu_ms_per_report": {name: round(s * 1000 / reports, 2) for name, s in sorted(spent.items())},
        "cpu_ms_per_report_all": round(sum(spent.values()) * 1000 / reports, 1),
        "writes_per_report": per_report(counted["writes"], reports),
        "writes_per_report_all": round(sum(counted["writes"].values()) / reports, 2),
        "store_cpu_ms_per_report": per_report(counted["cpu_ns"], reports, 1e6),
        "store_calls_per_report": per_report(counted["calls"], reports),
        "kafka_requests_per_report": per_report(counted["kafka"], reports),
        "kafka_requests_per_report_all": round(sum(counted["kafka"].values()) / reports, 2),
        "accepted_to_routed": spread(accepted, logs.routed),
        "accepted_to_first_alert": spread(accepted, logs.alerted),
        "critical_accepted_to_routed": spread(critical, logs.routed),
        "critical_accepted_to_first_mail": spread(critical, first_mails),
        "accepted_to_shown": spread(accepted, progress.shown_at),
    }


async def _all_through(progress: Progress, logs: Logs) -> None:
    while not progress.accepted_at.keys() <= (logs.routed.keys() & logs.alerted.keys() & progress.shown_at.keys()):  # noqa: ASYNC110  # three readers, no one signal
        await asyncio.sleep(0.1)


def spread(accepted: Mapping[str, float], reached: Mapping[str, float]) -> dict[str, float | int | None]:
    """Milliseconds from the answer to the step, and how many never came there. Faster than the answer counts as 0."""
    taken: Sequence[float] = [max(0.0, reached[one] - at) * 1000 for one, at in accepted.items() if one in reached]
    shown = {name: percentile(taken, share) for name, share in (("p50_ms", 0.50), ("p99_ms", 0.99))}
    return {
        **{name: None if value is None else round(value, 1) for name, value in shown.items()},
        "missing": len(accepted) - len(taken),
    }


async def measure(stack: Stack, folder: Path, rates: Sequence[float], seconds: float) -> list[dict[str, Any]]:
    """One rate after the other on one stack."""
    made = people.create(stack.environment_of("identity"), [OVERSIGHT])
    desks = Desks(Crew(stack.urls, made), frontends.create(stack.environment_of("intake")))
    await at_rate(stack, desks, folder, rates[0], WARM_UP, seed=0)
    return [
        await at_rate(stack, desks, folder, rate, int(rate * seconds), seed=number)
        for number, rate in enumerate(rates, 1)
    ]


def main() -> int:
    """Run, print one JSON object and keep it in ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES), help="reports a second")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="at each rate")
    parser.add_argument("--out", type=Path, default=Path("var/bench/system.json"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ieum-bench-", ignore_cleanup_errors=True) as var:
        folder = Path(var) / "accounts"
        folder.mkdir()
        accounting = {"IEUM_ACCOUNT": str(folder), "PYTHONPATH": str(_ACCOUNTING)}
        settings = LocalSettings.on_free_ports(Path(var))
        measured = [f"{name}={value}" for name, value in {**accounting, "IEUM_ACCOUNT_OF": "store"}.items()]
        store = ["env", *measured, *LocalStore(settings.var / "store", settings.store_port).command()]
        stack = Stack(
            settings, say=lambda _: None, extra_env=dict.fromkeys(SERVICES, accounting), commands={"store": store}
        )
        try:
            stack.start()
            rounds = asyncio.run(measure(stack, folder, given.rates, given.seconds))
        finally:
            stack.stop()
    result = {"bench": "system", "cores": os.cpu_count(), "seconds": given.seconds, "rates": rounds}
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    console = Console(stderr=True, width=120)
    for one in rounds:
        console.print(table(one))
    sys.stdout.write(json.dumps(result) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
