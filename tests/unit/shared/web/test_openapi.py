"""What the OpenAPI document says beyond FastAPI's own: names, who may call, refusals, where problems are explained."""

from typing import Any

import pytest
from fastapi import APIRouter, Depends

from shared.health import Health
from shared.web.app import Documentation, create_app
from shared.web.authorization import OPEN
from shared.web.documented import refuses
from shared.web.openapi import openapi_of
from shared.web.problem_catalog import Again, DocumentedProblem
from tests.unit.shared.web.small_site import build, client, settings


@pytest.fixture
async def spec() -> Any:
    async with client() as http:
        return (await http.get("/openapi.json")).json()


def test_operations_have_the_names_of_their_functions(spec: Any) -> None:
    assert spec["paths"]["/api/v1/things/{thing_id}"]["post"]["operationId"] == "store"
    assert spec["servers"] == [{"url": "/", "description": "The server that this document came from."}]


def test_the_server_is_the_public_address_where_there_is_one() -> None:
    app = build(IEUM_PUBLIC_URLS={"small": "http://small.example/"})
    assert openapi_of(app)["servers"][0]["url"] == "http://small.example"


def test_who_may_call_is_what_the_route_asks(spec: Any) -> None:
    assert spec["paths"]["/api/v1/things/{thing_id}"]["post"]["security"] == []
    secret = spec["paths"]["/api/v1/secret"]["get"]
    assert secret["security"] == [{"staffToken": ["cases.list"]}, {"staffSession": ["cases.list"]}]
    assert {"401", "403", "500", "503"} <= secret["responses"].keys()
    assert spec["components"]["securitySchemes"].keys() == {"staffToken", "staffSession"}


def test_every_refusal_of_a_body_has_its_status_and_an_example(spec: Any) -> None:
    answers = spec["paths"]["/api/v1/things/{thing_id}"]["post"]["responses"]
    assert answers.keys() == {"200", "400", "403", "408", "413", "415", "422", "500", "503"}
    assert answers["503"]["headers"] == {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
    example = answers["422"]["content"]["application/problem+json"]["example"]
    assert (example["status"], example["code"], example["type"]) == (422, "invalid", "/problems#invalid")


def app_that_refuses(*codes: str) -> Any:
    routes = APIRouter(dependencies=[Depends(OPEN)])

    @routes.get("/api/v1/thing", openapi_extra=refuses(*codes))
    async def get_thing() -> dict[str, str]:
        return {}

    return create_app(
        service="small",
        documentation=Documentation(
            title="x", description="x", problems=[DocumentedProblem("gone", 410, "It is gone.", Again.NO)]
        ),
        settings=settings(),
        health=Health(),
        routers=[routes],
    )


def test_a_route_names_its_own_refusals() -> None:
    operation = openapi_of(app_that_refuses("gone"))["paths"]["/api/v1/thing"]["get"]
    assert operation["responses"]["410"]["description"] == "`gone`: It is gone."
    assert "x-problems" not in operation


def test_a_refusal_that_no_table_explains_is_a_fault() -> None:
    with pytest.raises(ValueError, match="never_heard_of"):
        openapi_of(app_that_refuses("never_heard_of"))


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_the_type_of_a_problem_leads_to_where_it_is_explained(language: str) -> None:
    async with client() as http:
        problem = (await http.get("/api/v1/away")).json()
        kind, anchor = problem["type"].split("#")
        page = await http.get(kind, headers={"Accept": "text/html", "Accept-Language": language})
        refused = (await http.get("/api/v1/secret")).json()
    assert page.status_code == 200
    assert page.text.count(f'id="{anchor}"') == page.text.count(f'id="{refused["code"]}"') == 1
    assert ("예. Retry-After" in page.text) == (language == "ko")


async def test_behind_a_public_address_the_type_is_absolute() -> None:
    async with client(build(IEUM_PUBLIC_URLS={"small": "http://small.example/"})) as http:
        problem = (await http.get("/api/v1/secret")).json()
    assert problem["type"] == "http://small.example/problems#not_signed_in"
