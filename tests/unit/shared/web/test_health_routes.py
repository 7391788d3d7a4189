from shared.health import Health
from tests.unit.shared.web.small_site import build, client


async def test_live_and_ready_say_each_checks_word() -> None:
    health = Health(live={"loop": lambda: None}, ready={"kafka": lambda: "no broker answers"})
    async with client(build(health=health)) as http:
        live = await http.get("/health/live")
        ready = await http.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "ok", "checks": {"loop": "ok"}})
    assert ready.status_code == 503
    assert ready.json() == {"status": "failing", "checks": {"loop": "ok", "kafka": "no broker answers"}}
