"""What takes nothing away: a request for the head of an answer, as previews and link checkers send it; another host."""

from unittest.mock import AsyncMock, Mock

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.intake.webform.pages import _left
from shared.health import Health
from shared.settings import ServiceSettings
from shared.web.app import Documentation, create_app
from shared.web.authorization import OPEN


def site(kept: Mock) -> FastAPI:
    router = APIRouter(dependencies=[Depends(OPEN)])

    @router.get("/leave")
    @router.post("/leave")
    async def leave(request: Request) -> Response:
        return await _left(request, Mock(), kept)

    settings = ServiceSettings()
    return create_app(
        service="intake",
        documentation=Documentation(title="t", description="d"),
        settings=settings,
        health=Health(),
        routers=[router],
    )


async def test_head_does_not_forget_what_somebody_typed_and_get_does() -> None:
    kept = Mock(drop_within=AsyncMock())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site(kept)), base_url="http://127.0.0.1") as http:
        head = await http.head("/leave")
        assert (head.status_code, "set-cookie" in head.headers) == (303, False)
        kept.drop_within.assert_not_called()
        assert (await http.get("/leave")).headers["location"] == head.headers["location"]
        assert kept.drop_within.await_count == 2, "the draft and the page of a receipt"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("site_of", "forgets"), [("same-origin", True), ("none", True), ("cross-site", False), ("same-site", False)]
)
async def test_a_page_of_another_host_takes_nothing_away(method: str, site_of: str, forgets: bool) -> None:
    kept = Mock(drop_within=AsyncMock())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site(kept)), base_url="http://127.0.0.1") as http:
        left = await http.request(method, "/leave", headers={"sec-fetch-site": site_of})
    assert left.status_code == (303 if method == "GET" else 204)
    assert kept.drop_within.called is forgets
    assert ("set-cookie" in left.headers) is forgets
    assert ("clear-site-data" in left.headers) is (forgets and method == "POST")
