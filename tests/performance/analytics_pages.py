"""Pages and exports of running analytics services: one with many events behind its releases, one with few."""

import asyncio
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx

from services.analytics.counting.reader import CountReader
from services.analytics.releases.audit import Proof
from services.analytics.releases.repository import Register
from services.analytics.releases.service import ReleaseService
from shared.centers import CENTER_IDS
from shared.clock import SystemClock
from shared.events.vocabulary import HarmType
from tests.integration.analytics.worker import NOBODY_THERE, STAFF, environment
from tests.performance.analytics_history import Ground
from tests.support.clock import agreeing
from tests.support.waiting import eventually
from tools.local import ports, processes

PAGES_GOAL: Final = 1.2
PAGES: Final = (
    *("/", "/?period=2025-Q3", "/?period=2024", "/centers", "/centers?period=2025", "/people?period=2025", "/trends"),
    *("/dictionary", "/api/v1/tables", "/api/v1/tables/reports-by-center?period=2025", "/api/v1/protection"),
    "/api/v1/tables/reports-by-center-and-harm?period=2025-Q2&format=csv",
    "/api/v1/tables/reports-by-age-and-gender?period=2025&format=parquet",
    *("/api/v1/observations", "/api/v1/releases"),
)
"""What an analyst opens, of months, quarters and years. Both services have all of it."""
ROUNDS: Final = 40
EXPORTS: Final = 5
_MB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Served:
    """A running service."""

    client: httpx.AsyncClient
    pid: int

    def memory_mb(self) -> float:
        """Resident now."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


async def serving(small: Ground, large: Ground) -> dict[str, Any]:
    """The pages of both by turns, then the export of the large one."""
    took = {"released_s_small_history": small, "released_s": large}
    found = {name: round(await _released(ground), 1) for name, ground in took.items()}
    with tempfile.TemporaryDirectory() as name:
        async with _service(large, Path(name)) as much, _service(small, Path(name)) as little:
            return found | await _pages(little, much) | await _export(large, much)


async def _released(ground: Ground) -> float:
    """Seconds until every period that is due is released, by the service's own job without the solver.

    No page knows whether there was a proof, and of so few reports, spread over ten years, they take very long.
    """
    clock = SystemClock()
    release_service = ReleaseService(
        CountReader(ground.database),
        Register(ground.database),
        clock,
        agreeing(clock),
        centers=CENTER_IDS,
        harms=[harm.value for harm in HarmType],
        caught_up=clock.now,
    )
    logging.getLogger("services.analytics.releases.service").setLevel("CRITICAL")  # nobody was late: told 80 times
    started = time.perf_counter()
    with patch("services.analytics.releases.service.prove", lambda *_, **__: Proof("open")):
        await release_service.release_due()
    return time.perf_counter() - started


@asynccontextmanager
async def _service(ground: Ground, folder: Path) -> AsyncIterator[Served]:
    keys, port = folder / "identity-keys.json", ports.free_port()
    keys.write_text(STAFF.kept(), encoding="utf-8")
    env = {
        **environment(ground.bus, ground.store),
        "ANALYTICS_PORT": str(port),
        "IEUM_IDENTITY_URL": NOBODY_THERE,
        "IEUM_KEYS_CACHE": str(keys),
    }
    log = folder / f"analytics-{port}.log"
    child = processes.start([sys.executable, "-m", "services.analytics"], log=log, env=env)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:

            async def ready() -> bool:
                if child.poll() is not None:
                    raise SystemExit(f"analytics ended: {log.read_text(encoding='utf-8')[-2000:]}")
                try:
                    return (await client.get("/health/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            await eventually(ready, "the service is ready")
            yield Served(client, child.pid)
    finally:
        processes.kill(child)


async def _pages(small: Served, large: Served) -> dict[str, Any]:
    """Milliseconds of whole answers, one at a time; the first of each page, made from nothing, is among them."""
    found: dict[str, dict[str, list[float]]] = {"small": {}, "large": {}}
    for _ in range(ROUNDS):
        analyst = STAFF.bearer("ministry", "analyst")
        for page in PAGES:
            for name, service in (("small", small), ("large", large)):
                started = time.perf_counter()
                answer = await service.client.get(page, headers=analyst)
                taken = 1000 * (time.perf_counter() - started)
                if answer.status_code != 200:
                    raise SystemExit(f"{page} of the {name} history: {answer.status_code} {answer.text[:300]}")
                found[name].setdefault(page, []).append(taken)
    worst = 0.0
    for page in PAGES:
        both = [statistics.median(found[name][page]) for name in ("small", "large")]
        print(f"{page}: {both[0]:.1f} ms, {both[1]:.1f} with the large history", flush=True)
        worst = max(worst, both[1] / both[0])
    every = {name: [one for taken in pages.values() for one in taken] for name, pages in found.items()}
    p95 = {name: _p95(taken) for name, taken in every.items()}
    return {
        "pages_p95_ms": round(p95["large"], 1),
        "pages_p95_ms_small_history": round(p95["small"], 1),
        "pages_p50_ms": round(statistics.median(every["large"]), 1),
        "pages_p50_ms_small_history": round(statistics.median(every["small"]), 1),
        "pages_ratio": round(p95["large"] / p95["small"], 3),
        "pages_goal": PAGES_GOAL,
        "pages_worst_median_ratio": round(worst, 2),
    }


def _p95(taken: Sequence[float]) -> float:
    return statistics.quantiles(taken, n=20)[18]


async def _export(ground: Ground, service: Served) -> dict[str, Any]:
    """Every cell as a line of JSON, over HTTP, by turns with reading the same releases from the store."""
    register = Register(ground.database)
    rates: dict[str, list[float]] = {"export": [], "read": []}
    rows = size = 0
    memory = [service.memory_mb()]
    for _ in range(EXPORTS):
        started = time.perf_counter()
        rows, size, most = await _streamed(service)
        rates["export"].append(time.perf_counter() - started)
        memory.append(most)
        started = time.perf_counter()
        documents = await ground.database.register.find({}, hint={"$natural": 1}).to_list(None)
        rates["read"].append(time.perf_counter() - started)
    releases = await register.entries()
    numbers = sum(len(shown) for release in releases for shown in release.tables.values())
    export, read = statistics.median(rates["export"]), statistics.median(rates["read"])
    return {
        "releases": len(documents),
        "published_numbers": numbers,
        "export_rows": rows,
        "export_rows_per_s": round(rows / export),
        "export_mb_per_s": round(size / export / _MB, 2),
        "read_rows_per_s": round(rows / read),
        "export_ratio": round(read / export, 3),
        "export_memory_mb": [round(each) for each in memory],
    }


async def _streamed(service: Served) -> tuple[int, int, float]:
    """Lines, bytes, and the most memory the service had meanwhile."""
    rows = size = 0
    most = service.memory_mb()
    headers = STAFF.bearer("ministry", "analyst")
    async with service.client.stream("GET", "/api/v1/export?format=ndjson", headers=headers) as answer:
        async for chunk in answer.aiter_raw():
            rows += chunk.count(b"\n")
            size += len(chunk)
            most = max(most, service.memory_mb())
    await asyncio.sleep(0)
    return rows, size, most
