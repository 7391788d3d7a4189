import html

from services.intake.webform import safety_texts
from services.intake.webform.safety_texts import LANGUAGES
from tests.integration.intake.harness import IntakeHarness


async def test_every_language_has_its_page_with_the_numbers(harness: IntakeHarness) -> None:
    known = safety_texts.load()
    start = (await harness.http.get("/?lang=en")).text
    assert [language for language in LANGUAGES if f'href="/in/{language}" lang="{language}"' not in start] == [
        "ko",
        "en",
    ]
    listed = await harness.http.get("/languages")
    assert listed.status_code == 200
    for language in LANGUAGES:
        assert f'href="/in/{language}"' in listed.text
        page = await harness.http.get(f"/in/{language}")
        assert page.status_code == 200
        assert f'<html lang="{language}" dir="ltr">' in page.text
        assert page.text.count(known[language].texts["review"]) == 1
        for note, title in known[language].notes():
            assert f'href="/in/{language}/{note}"' in page.text
            advice = await harness.http.get(f"/in/{language}/{note}?lang=ko")
            assert title in advice.text
            assert all(point in html.unescape(advice.text) for point in known[language].points(note))
            assert ('<header class="top" lang="ko">' in advice.text) is (language != "ko")
        assert all(f"tel:{number}" in page.text for number in ("112", "1366", "15771366"))
        assert page.headers["cache-control"] == "no-store"
    for nothing in ("/in/xx", "/in/xx/money", "/in/vi/nothing"):
        assert (await harness.http.get(nothing)).status_code == 404
    assert (await harness.http.get("/in/..%2f..%2fsettings")).status_code == 404
    refusals = await harness.http.get("/problems?lang=en")
    assert "idempotency_conflict" in refusals.text
