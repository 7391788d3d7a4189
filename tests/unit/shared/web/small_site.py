"""A small site that uses everything the shared web room offers, for its unit and browser tests."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import httpx
from fastapi import APIRouter, Depends, FastAPI, Form, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from shared.errors import TransientError
from shared.health import Health
from shared.identity.principal import Principal
from shared.identity.roles import Action
from shared.settings import ServiceSettings
from shared.web.app import Documentation, Forms, create_app
from shared.web.authorization import OPEN, Authorizer
from shared.web.json_body import json_body
from shared.web.korea import MapCell
from shared.web.middleware import FORM_QUOTED, HELD
from shared.web.pages import Pages
from tests.support.clock import ManualClock
from tests.support.staff import TestIdentity

SITE = Path(__file__).parent / "site"
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
STAFF = TestIdentity(ManualClock(NOW))
TOKEN = STAFF.token("jeju", "counsellor", "lead")
SECRET_TEXT = "홍길동 010-1234-5678"


class Nested(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str = Field(max_length=20, description="A link.")


class Sent(BaseModel):
    """A small body."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "sky", "kind": "a", "links": [{"url": "https://x"}]}]}
    )

    name: str = Field(min_length=2, max_length=5, description="What to call it.")
    kind: Literal["a", "b"] = "a"
    links: list[Nested] = Field(default=[], max_length=2)

    @field_validator("name")
    @classmethod
    def _no_digits(cls, value: str) -> str:
        if value.isdigit():
            raise PydanticCustomError("only_digits", "Digits alone are not a name.")
        if value == "echo!":
            raise PydanticCustomError("echoing", "You wrote {value}.", {"value": value})
        return value


def settings(**more: object) -> ServiceSettings:
    """``more`` is named as in the environment."""
    return ServiceSettings.model_validate(more)


def clock() -> ManualClock:
    return ManualClock(NOW)


def _routes(pages: Pages) -> APIRouter:
    router = APIRouter()
    own = Authorizer(STAFF.identity, pages.settings)(Action.CASES_LIST)
    anybody = [Depends(OPEN)]

    @router.post("/api/v1/things/{thing_id}", summary="Store a thing", dependencies=anybody)
    async def store(thing_id: str, sent: Sent, limit: Annotated[int, Query(le=10)] = 5) -> Sent:
        return sent

    @router.post("/api/v1/fast", include_in_schema=False, dependencies=anybody)
    async def fast(request: Request) -> Sent:
        return await json_body(request, Sent)

    @router.post("/api/v1/raw", include_in_schema=False, dependencies=anybody)
    async def raw(request: Request) -> dict[str, int]:
        return {"bytes": len(await request.body())}

    @router.get("/api/v1/secret")
    async def secret(staff: Annotated[Principal, Depends(own)]) -> dict[str, str]:
        return {"who": staff.subject}

    @router.post("/api/v1/change")
    async def change(staff: Annotated[Principal, Depends(own)]) -> dict[str, str]:
        return {"who": staff.subject}

    @router.get("/desk", include_in_schema=False)
    async def desk(request: Request, staff: Annotated[Principal, Depends(own)]) -> Response:
        values = {
            "busan": MapCell("level-4", "1,204"),
            "gwangju": MapCell("level-1", "12"),
            "jeonnam": MapCell("hidden", "—"),
        }
        return pages.render(request, "desk.html", values=values, moment=NOW - timedelta(minutes=3))

    @router.get("/shelf/{number}", include_in_schema=False)
    async def shelf(staff: Annotated[Principal, Depends(own)], number: int) -> dict[str, int]:
        return {staff.subject: number}

    @router.post("/desk/chairs", include_in_schema=False)
    async def bring(
        staff: Annotated[Principal, Depends(own)],
        number: Annotated[int, Form()],
        kind: Annotated[Literal["stool", "bench"], Form()] = "stool",
    ) -> dict[str, int]:
        return {staff.subject + kind: number}

    @router.post("/desk/chairs/{number}", include_in_schema=False)
    async def sit(staff: Annotated[Principal, Depends(own)], number: int) -> dict[str, int]:
        return {staff.subject: number}

    @router.get("/", include_in_schema=False, dependencies=anybody)
    async def form(request: Request) -> Response:
        return pages.render(request, "form.html", public=True, moment=NOW - timedelta(minutes=3), errors={})

    @router.post("/", include_in_schema=False, dependencies=anybody)
    async def sent_form(request: Request) -> Response:
        return pages.render(request, "form.html", public=True, moment=NOW, errors={"what": "?"}, status=422)

    @router.get("/api/v1/broken", include_in_schema=False, dependencies=anybody)
    async def broken() -> None:
        raise RuntimeError(SECRET_TEXT)

    @router.get("/away", include_in_schema=False, dependencies=anybody)
    @router.post("/away", include_in_schema=False, dependencies=anybody)
    @router.get("/api/v1/away", include_in_schema=False, dependencies=anybody)
    async def away() -> None:
        raise TransientError("store: gone")

    @router.get("/api/v1/cut", include_in_schema=False, dependencies=anybody)
    async def cut() -> Response:
        async def parts() -> object:
            yield b"first"
            raise RuntimeError(SECRET_TEXT)

        return StreamingResponse(parts())  # type: ignore[arg-type]  # the generator's type is of no interest here

    @router.get("/api/v1/endless", include_in_schema=False, dependencies=anybody)
    async def endless() -> Response:
        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield b": still here\n\n"
                await asyncio.sleep(0)

        return StreamingResponse(parts(), media_type="text/event-stream")

    @router.get("/api/v1/held", include_in_schema=False, dependencies=anybody)
    async def held(request: Request, status: int, *, waits: bool) -> Response:
        setattr(request.state, HELD, waits)
        return Response(status_code=status)

    @router.get("/api/v1/caller", include_in_schema=False, dependencies=anybody)
    async def caller(request: Request) -> dict[str, str]:
        return {"host": request.client.host if request.client else ""}

    @router.get("/own-header", include_in_schema=False, dependencies=anybody)
    async def own_header() -> Response:
        return PlainTextResponse("", headers={"Cache-Control": "private"})

    return router


def build(
    health: Health | None = None, *, form_quoted: int = FORM_QUOTED, for_staff: bool = False, **more: object
) -> FastAPI:
    own = settings(**more)
    pages = Pages(SITE / "templates", SITE / "locale", own, "small", clock=clock())
    return create_app(
        service="small",
        documentation=Documentation(title="A small site", description="It stores things."),
        settings=pages.settings,
        health=health or Health(),
        routers=[_routes(pages)],
        pages=pages,
        for_staff=for_staff,
        forms=Forms(
            quoted=form_quoted,
            labels={"number-chairs": "Chair"},
            given_back=True,
            session_fields={"seal": "Open the desk again."},
        ),
    )


@cache
def shared_app() -> FastAPI:
    """One app for all tests that leave nothing behind in it."""
    return build()


def client(
    app: FastAPI | None = None, base_url: str = "http://small.test", host: str = "127.0.0.1", **more: object
) -> httpx.AsyncClient:
    """``host`` is the caller's address as the server sees it."""
    transport = httpx.ASGITransport(app or shared_app(), raise_app_exceptions=False, client=(host, 123))
    return httpx.AsyncClient(transport=transport, base_url=base_url, **more)  # type: ignore[arg-type]  # passed on as given
