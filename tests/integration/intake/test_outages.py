"""Kafka away and the store away: what a person is told stays true."""

import json
from collections import defaultdict

import pytest

from shared.metrics import exposition
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import log_of, new_key, running
from tests.support.engine_settings import kafka_settings, store_settings
from tests.support.waiting import eventually
from tools.local.engines import Engines


def settings_of(engines: Engines, unique: str, *, store_s: float = 20.0) -> tuple[KafkaSettings, StoreSettings]:
    """``store_s``: how long the store may take where it is not the store that is away."""
    store = store_settings(engines, unique).model_copy(update={"call_timeout_s": store_s})
    return kafka_settings(engines, unique, call_timeout_s=5), store


async def test_without_kafka_reports_are_accepted_and_published_later(own_engines: Engines, unique: str) -> None:
    bus, store = settings_of(own_engines, unique)
    async with running(bus, store) as harness:
        before = (await harness.lodge()).json()

        async def nothing_pending() -> bool:
            return not await harness.collection.count_documents({"outbox": {"$exists": True}})

        await eventually(nothing_pending)
        own_engines.kill_kafka()
        answers = [await harness.lodge() for _ in range(20)]
        assert {answer.status_code for answer in answers} == {202}
        assert await harness.collection.count_documents({"outbox": {"$exists": True}}) == 20
        assert (await harness.status(answers[0].json()["receipt"]))["state"] == "received"
        ready = await harness.http.get("/health/ready")
        assert ready.status_code == 200
        own_engines.start_kafka()
        await eventually(nothing_pending)
        first_seen: defaultdict[str, list[int]] = defaultdict(list)
        for key, value in await log_of(bus):
            first_seen[key].append(json.loads(value)["intake_version"])
        assert set(first_seen) == {before["report_id"], *(answer.json()["report_id"] for answer in answers)}
        assert all(versions == sorted(versions) for versions in first_seen.values())


@pytest.mark.thorough
async def test_with_kafka_away_from_the_start_reports_are_accepted(own_engines: Engines, unique: str) -> None:
    bus, store = settings_of(own_engines, unique)
    own_engines.kill_kafka()
    async with running(bus, store) as harness:
        answer = await harness.lodge()
        assert answer.status_code == 202
        assert (await harness.http.get("/health/ready")).status_code == 200
        assert 'ieum_health_check_status{check="kafka"} 0.0' in exposition()[0].decode()
        own_engines.start_kafka()

        async def published() -> bool:
            return not await harness.collection.count_documents({"outbox": {"$exists": True}})

        await eventually(published)
        # At least once: what got no answer in time from a broker that was just starting is sent again.
        assert {key for key, _ in await log_of(bus)} == {answer.json()["report_id"]}

        async def fine() -> bool:
            return all(
                f'ieum_health_check_status{{check="{x}"}} 1.0' in exposition()[0].decode()
                for x in ("kafka", "relay.intake")
            )

        await eventually(fine)


async def test_without_the_store_nothing_is_pretended(own_engines: Engines, unique: str) -> None:
    bus, store = settings_of(own_engines, unique, store_s=2.0)
    async with running(bus, store) as harness:
        key = new_key()
        own_engines.kill_store()
        refused = await harness.lodge(key=key)
        assert (refused.status_code, refused.json()["code"]) == (503, "not_accepting")
        assert int(refused.headers["retry-after"]) > 0
        assert "1366" in refused.json()["detail"]
        assert "112" in refused.json()["detail"]
        form = {"role": "victim", "harm_types": "other", "narrative": "kept", "idempotency_key": "k" * 32}
        page = await harness.http.post("/?lang=en", data=form)
        assert page.status_code == 503
        assert all(text in page.text for text in ("kept", "1366", "was not received", f'value="{"k" * 32}"'))
        asked = await harness.ask("5724")
        assert asked.status_code == 503
        assert (await harness.http.get("/health/ready")).status_code == 503
        own_engines.start_store()

        async def accepted() -> bool:
            return (await harness.lodge(key=key)).status_code == 202

        await eventually(accepted)

        async def is_ready() -> bool:
            return (await harness.http.get("/health/ready")).status_code == 200

        await eventually(is_ready)
        assert await harness.collection.count_documents({}) == 1
