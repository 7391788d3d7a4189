"""Looking at the workers' metrics while they are under fire, as whoever is on call would."""

import asyncio
from collections.abc import Iterable

import httpx

from tests.integration.routing.crew import Crew
from tests.integration.routing.running import Process

_LOOK_S = 0.2


async def figure(process: Process, name: str, *, limit_s: float = 1.0) -> float | None:
    """A metric without labels; none where the process does not answer or does not tell it."""
    try:
        async with httpx.AsyncClient(timeout=limit_s) as client:
            told = (await client.get(f"http://127.0.0.1:{process.port}/metrics")).text
    except httpx.HTTPError:
        return None
    found = [line.split()[-1] for line in told.splitlines() if line.startswith(f"{name} ")]
    return float(found[0]) if found else None


async def highest(crew: Crew, names: Iterable[str], into: dict[str, float]) -> None:
    """The highest value of each metric any worker showed, until cancelled."""
    wanted = tuple(names)
    while True:
        for worker in list(crew.workers.values()):
            for name in wanted:
                if (value := await figure(worker, name)) is not None:
                    into[name] = max(into.get(name, 0.0), value)
        await asyncio.sleep(_LOOK_S)
