"""A request for the head of an answer takes nothing away: previews and link checkers send it."""

from unittest.mock import AsyncMock, Mock

import httpx
from fastapi import APIRouter, Depends, FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.intake.webform.pages import _left
from shared.health import Health
from shared.settings import ServiceSettings
from shared.web.app import create_app
from shared.web.authorization import OPEN


def site(kept: Mock) -> FastAPI:
    router = APIRouter(dependencies=[Depends(OPEN)])

    @router.get("/leave")
    async def leave(request: Request) -> Response:
        return await _left(request, Mock(), kept)

    settings = ServiceSettings()
    return create_app(
        service="intake", title="t", description="d", settings=settings, health=Health(), routers=[router]
    )


async def test_head_does_not_forget_what_somebody_typed_and_get_does() -> None:
    kept = Mock(drop_within=AsyncMock())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=site(kept)), base_url="http://127.0.0.1") as http:
        head = await http.head("/leave")
        assert (head.status_code, "set-cookie" in head.headers) == (303, False)
        kept.drop_within.assert_not_called()
        assert (await http.get("/leave")).headers["location"] == head.headers["location"]
        kept.drop_within.assert_awaited_once()
