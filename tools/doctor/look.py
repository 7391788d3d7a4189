"""Look at the installation that `ieum up` started: its processes, their health and metrics, topics, addresses, disk."""

import asyncio
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import httpx
from prometheus_client.parser import text_string_to_metric_families

from shared.errors import IeumError
from shared.kafka.admin import topic_differences
from shared.settings import KafkaSettings, SettingsError
from tools.doctor.rules import Observation, Process, Sample, metrics
from tools.local import ports
from tools.local.security import kafka_settings
from tools.local.settings import LocalSettings
from tools.local.state import ProcessEntry, State

_TIMEOUT_S: Final = 5.0
_ENGINES: Final = frozenset({"kafka", "store", "mailbox"})


async def look(settings: LocalSettings, state: State, environment: Mapping[str, str]) -> Observation:
    """Look at everything at once. ``environment`` is a service's: its way to Kafka, the token, public addresses.

    Raises ``SettingsError`` where what it says of these cannot be read.
    """
    urls, bus = _public_urls(environment), kafka_settings(environment)
    token = environment.get("IEUM_METRICS_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as http:
        processes, topics, unreachable = await asyncio.gather(
            asyncio.gather(*(_process(http, entry, headers) for entry in state.entries)),
            _topics(bus),
            _unreachable(http, urls),
        )
    return Observation(
        now=time.time(),
        processes=processes,
        topics=topics,
        unreachable=unreachable,
        free_bytes=shutil.disk_usage(settings.var).free,
    )


def _public_urls(environment: Mapping[str, str]) -> dict[str, str]:
    given = environment["IEUM_PUBLIC_URLS"]
    try:
        urls = json.loads(given)
    except ValueError:
        urls = None
    if not isinstance(urls, dict) or not all(isinstance(url, str) for url in urls.values()):
        line = (
            f"setting IEUM_PUBLIC_URLS: is no JSON object of addresses; found {given[:80]!r};"
            ' example: IEUM_PUBLIC_URLS={"intake": "https://report.example"}'
        )
        raise SettingsError([line])
    return urls


async def _process(http: httpx.AsyncClient, entry: ProcessEntry, headers: Mapping[str, str]) -> Process:
    seen = Process(entry.name, pid=entry.pid, restarts=entry.restarts, port=entry.port)
    if entry.name in _ENGINES or not entry.pid:
        return replace(seen, ready=entry.health == "ready" or None, is_engine=True)
    base = f"http://{ports.LOOPBACK}:{entry.port}"
    try:
        health = await http.get(f"{base}/health/ready", headers=headers)
        checks = dict(health.json().get("checks", {}))
        shown = await http.get(f"{base}/metrics", headers=headers)
        samples = _samples(shown.text) if shown.is_success else None
    except (httpx.HTTPError, AttributeError, TypeError, ValueError):  # nothing answers, or another program does
        return seen
    return replace(seen, ready=health.is_success, checks=checks, samples=samples)


def _samples(text: str) -> list[Sample]:
    wanted = metrics()
    return [
        Sample(sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name in wanted
    ]


async def _topics(bus: KafkaSettings) -> list[str] | None:
    try:
        return await topic_differences(bus)
    except IeumError:
        return None


async def _unreachable(http: httpx.AsyncClient, urls: Mapping[str, str]) -> dict[str, str]:
    async def asked(url: str) -> str | None:
        try:
            answer = await http.get(f"{url}/health/live", follow_redirects=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{url}: {type(error).__name__}"
        return None if answer.is_success else f"{url} answers {answer.status_code}"

    said = await asyncio.gather(*(asked(url) for url in urls.values()))
    return {name: what for name, what in zip(urls, said, strict=True) if what is not None}
