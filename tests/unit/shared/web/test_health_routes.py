import pytest

from shared.health import Health
from tests.unit.shared.web.small_site import TOKEN, build, client


async def test_live_and_ready_say_each_checks_word() -> None:
    health = Health(live={"loop": lambda: None}, ready={"kafka": lambda: "no broker answers"})
    async with client(build(health=health)) as http:
        live = await http.get("/health/live")
        ready = await http.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "ok", "checks": {"loop": "ok"}})
    assert ready.status_code == 503
    assert ready.json() == {"status": "failing", "checks": {"loop": "ok", "kafka": "no broker answers"}}


async def test_metrics_say_whether_it_is_ready_as_it_is_at_that_moment() -> None:
    waits: list[str] = ["the store does not answer"]
    health = Health(ready={"store": lambda: waits[0] if waits else None}, degraded={"jobs": lambda: "degraded: drafts"})
    async with client(build(health=health)) as http:
        assert "ieum_health_ready_status 0.0" in (await http.get("/metrics")).text
        waits.clear()
        assert "ieum_health_ready_status 1.0" in (await http.get("/metrics")).text


@pytest.mark.parametrize(
    ("host", "headers", "sees"),
    [
        ("127.0.0.1", {}, True),
        ("::1", {}, True),
        ("203.0.113.5", {}, False),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.5"}, False),
        ("203.0.113.5", {"authorization": f"Bearer {TOKEN}"}, False),
    ],
)
async def test_without_a_token_only_this_machine_sees_inside(host: str, headers: dict[str, str], sees: bool) -> None:
    async with client(host=host, headers=headers) as http:
        metrics, live, ready = [await http.get(path) for path in ("/metrics", "/health/live", "/health/ready")]
    assert metrics.status_code == (200 if sees else 404)
    assert ("ieum_http_requests" in metrics.text) == sees
    assert (live.status_code, ready.status_code) == (200, 200)
    assert ("checks" in live.json()) == ("checks" in ready.json()) == sees
    assert ready.json()["status"] == "ok"


@pytest.mark.parametrize(("given", "status"), [(f"Bearer {'m' * 32}", 200), (f"Bearer {TOKEN}", 404), ("", 404)])
async def test_with_a_token_it_alone_counts(given: str, status: int) -> None:
    app = build(IEUM_METRICS_TOKEN="m" * 32)
    for host in ("203.0.113.5", "127.0.0.1"):
        async with client(app, host=host, headers={"authorization": given}) as http:
            assert (await http.get("/metrics")).status_code == status
