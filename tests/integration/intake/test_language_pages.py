from services.intake.rendering.safety_texts import LANGUAGES
from tests.integration.intake.desk import Desk


async def test_every_language_has_its_page_with_the_numbers(desk: Desk) -> None:
    listed = await desk.http.get("/languages")
    assert listed.status_code == 200
    for language in LANGUAGES:
        assert f'href="/in/{language}"' in listed.text
        page = await desk.http.get(f"/in/{language}")
        assert page.status_code == 200
        assert f'<div lang="{language}">' in page.text
        assert all(f"tel:{number}" in page.text for number in ("112", "1366", "15771366"))
        assert page.headers["cache-control"] == "no-store"
    assert (await desk.http.get("/in/xx")).status_code == 404
    assert (await desk.http.get("/in/..%2f..%2fsettings")).status_code == 404
    refusals = await desk.http.get("/problems?lang=en")
    assert "idempotency_conflict" in refusals.text
