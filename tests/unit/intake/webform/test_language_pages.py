"""The pages in thirteen languages, and the answer to a language that is not among them."""

from pathlib import Path

import httpx
from fastapi import FastAPI

from services.intake.webform import form, language_pages
from services.intake.webform.safety_texts import LANGUAGES
from shared.settings import ServiceSettings
from shared.web.pages import Pages

ROOT = Path(form.__file__).parents[1]


async def test_who_asks_for_a_language_that_is_not_there_chooses_one_that_is() -> None:
    app = FastAPI()
    pages = Pages(ROOT / "templates", ROOT / "locale", ServiceSettings(), "intake", leave="/leave")
    app.include_router(language_pages.router(pages))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://intake") as http:
        for path in ("/in/xx", "/in/xx/money"):
            page = await http.get(path, params={"lang": "en"})
            assert page.status_code == 404
            assert "There is nothing at this address." in page.text
            assert [language for language in LANGUAGES if f'href="/in/{language}"' not in page.text] == []
        assert "There is nothing at this address." not in (await http.get("/languages?lang=en")).text
