"""The centres page as it is sent: short names, every text in the reader's language."""

from typing import Any

import httpx
import pytest

from services.routing.handlers.loads import LoadView
from services.routing.main import application
from services.routing.settings import RoutingSettings
from shared.centers import CENTER_IDS, center
from shared.clock import ManualClock
from shared.health import Health
from tests.unit.routing.builders import NOW

TOKEN = "0123456789abcdef0123456789abcdef"


class Idle:
    """A worker that was given no partition."""

    def owned(self) -> dict[int, Any]:
        return {}


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_the_table_of_centres_uses_short_names(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IEUM_DEMO_TOKEN", TOKEN)
    nothing: Any = None
    idle: Any = Idle()
    app = application(RoutingSettings(), Health(), nothing, idle, LoadView(15), ManualClock(NOW))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        answer = await client.get(f"/?lang={lang}", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    for center_id in CENTER_IDS:
        known = center(center_id)
        assert f'<th scope="row">{known.short_ko if lang == "ko" else known.short_en}</th>' in answer.text
    assert "%(" not in answer.text
