"""The HTTP application every service starts from: the same authorization, errors and infrastructure routes."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Protocol

import orjson
from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from prometheus_client import Gauge
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import compile_path

from shared import log, spans, tls
from shared.errors import IeumError, TransientError
from shared.health import Health, HealthReport
from shared.identity.roles import Action
from shared.metrics import REGISTRY, exposition
from shared.settings import ServiceSettings
from shared.web import problems
from shared.web.authorization import FOR_STAFF, OPEN, route_actions, routes_without_one_action
from shared.web.docs import docs_page
from shared.web.form_body import FORM_TYPE, MAX_BYTES
from shared.web.json_body import is_json, media_type
from shared.web.middleware import EdgeMiddleware, route_of, security_headers
from shared.web.openapi import openapi_of, operation_id
from shared.web.operator_access import OperatorAccess
from shared.web.pages import Pages
from shared.web.problem_catalog import (
    AGAIN_WORDS,
    ON_PAGES,
    REASONS,
    SHARED,
    STAFF,
    DocumentedProblem,
    DocumentedReason,
    in_order,
)
from shared.web.problems import FieldError, Problem
from shared.web.same_origin import origins_of

_log = log.get(__name__)

__all__ = ["Documentation", "FieldError", "Forms", "Problem", "create_app"]

READY: Final = Gauge(
    "ieum_health_ready_status",
    "1 while the process is ready for requests, as `/health/ready` says; 0 while it waits for something.",
    registry=REGISTRY,
)
_LONG_CHARS: Final = 20
"""A value of a form that is longer was typed and is worth copying, unless a machine made it."""
_MADE_BY_MACHINE: Final = re.compile(rf"[\w.:-]{{{_LONG_CHARS},}}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Documentation:
    """What a service's OpenAPI document and ``/problems`` say; texts are English message ids."""

    title: str
    description: str
    tags: Mapping[str, str] = field(default_factory=dict)
    """What each group of operations is."""
    problems: Sequence[DocumentedProblem] = ()
    """Those that only this service's API answers with."""
    page_problems: Sequence[DocumentedProblem] = ()
    """Those of its pages."""
    reasons: Sequence[DocumentedReason] = ()
    """Its own reasons of single fields."""
    webhooks: APIRouter | None = None
    """What the service itself sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """What the forms of a service's pages may send, and what becomes of one that is refused."""

    quoted: int = 1
    """A form may be so many times as large as a JSON body. ``FORM_QUOTED`` only where pages read long texts with
    ``form_body``: elsewhere it is read before anybody is asked who they are."""
    post_to_other_services: bool = False
    """Pages may post forms to the other services, and answers to forms may lead there."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels (message ids) of the fields of forms whose refusal is a page of its own, by the control's id: the field's
    name; where two forms share one, with the end of the form's address, as ``reason-transfer``."""
    given_back: bool = False
    """A form that came after its sender's session ended stands in the refusal; not where forms hold passwords."""
    session_fields: Mapping[str, str] = field(default_factory=dict)
    """Fields that count in one session alone, with what to do instead of sending such a form again, a message id."""


_NO_FORMS: Final = Forms()


def create_app(
    *,
    service: str,
    documentation: Documentation,
    settings: ServiceSettings,
    health: Health,
    routers: Sequence[APIRouter] = (),
    pages: Pages | None = None,
    forms: Forms = _NO_FORMS,
    for_staff: bool = False,
    problem_of: Mapping[type[IeumError], Callable[[], Problem]] = MappingProxyType({}),
) -> FastAPI:
    """An app with security headers, traces, metrics, problem documents, health, static files and documentation.

    ``pages`` is the service's own: its texts and static files are then used everywhere. ``for_staff``: only staff come
    here, so a refusal stands in their layout and not in the public one with quick exit and telephones. ``problem_of``
    says what is answered where an error of the service's own reaches the edge.
    Raises ``ValueError`` for a route that names no action, or several: an undecided route must not be reachable.
    """
    spans.configure(service, settings.otlp_endpoint)
    tls.believe(settings.ca_file)
    READY.set_function(lambda: float(health.ready_report().fine))
    own = pages or Pages(None, None, settings, service)
    app = FastAPI(
        title=documentation.title,
        description=documentation.description,
        version=_version(),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # Starlette would answer an address with or without a slash at its end with one made of the Host header.
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        webhooks=documentation.webhooks,
        # FastAPI's own spans hold the whole address, and with it ids and what was asked for; ours are in shared.spans.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    app.state.problems = in_order(SHARED, STAFF, documentation.problems)
    app.state.page_problems = in_order(ON_PAGES, documentation.page_problems)
    app.state.reasons = (*REASONS, *documentation.reasons)
    app.state.tags = documentation.tags
    app.state.https = settings.served_by_https(service)
    app.state.pages = own
    app.state.trusted_proxies = settings.trusted_proxies
    render = _renderer(own, service, forms, public=not for_staff)
    origins = origins_of(settings.public_urls)
    app.add_middleware(
        EdgeMiddleware,
        headers=security_headers(sorted(origins) if forms.post_to_other_services else ()),
        max_body_bytes=MAX_BYTES,
        form_quoted=forms.quoted,
        own_origins=origins,
        render=render,
        always_https=settings.served_by_https(service),
    )

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):  # pragma: no cover  # Starlette's handlers are typed for any exception
            raise error
        if error.status_code < 400:  # noqa: PLR2004  # a redirect raised by an Authorizer
            return Response(status_code=error.status_code, headers=error.headers)
        opened = request.method == "GET" and problems.wants_page(request) and not request.url.path.startswith("/api/")
        if error.status_code == 405 and opened:  # noqa: PLR2004  # as above
            return RedirectResponse(_page_above(app, request, own.settings.public_urls.get("notify", "")), 303)
        problem = problems.from_http(error)
        gives_back = forms.given_back and problem.code == "not_signed_in" and problems.wants_page(request)
        return render(request, problem, await _own_form(request) if gives_back else ())

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: Exception) -> Response:
        if not isinstance(error, RequestValidationError):  # pragma: no cover  # as above
            raise error
        json_body = is_json(request.headers.get("content-type"))
        return render(request, problems.from_validation(error.errors(), json_body=json_body))

    @app.exception_handler(TransientError)
    async def away(request: Request, error: Exception) -> Response:
        _log.warning("http.unavailable", route=route_of(request.scope), error=str(error))
        return render(request, problems.unavailable())

    for kind, problem in problem_of.items():
        app.add_exception_handler(kind, lambda request, _, problem=problem: render(request, problem()))

    for router in routers:
        app.include_router(router)
    app.include_router(_infrastructure(app, own, health, OperatorAccess(settings)))
    unauthorized = routes_without_one_action(app)
    if unauthorized:
        raise ValueError(f"routes must name exactly one action (shared.web.authorization): {', '.join(unauthorized)}")
    return app


def _infrastructure(app: FastAPI, pages: Pages, health: Health, operator_access: OperatorAccess) -> APIRouter:
    router = APIRouter(include_in_schema=False, dependencies=[Depends(OPEN)])

    @router.get("/health/live")
    async def live(request: Request) -> Response:
        return _health(health.live_report(), detailed=operator_access.allowed(request))

    @router.get("/health/ready")
    async def ready(request: Request) -> Response:
        return _health(health.ready_report(), detailed=operator_access.allowed(request))

    @router.get("/metrics")
    async def metrics(request: Request) -> Response:
        if not operator_access.allowed(request):
            raise HTTPException(404)
        body, media_type = exposition()
        return Response(body, headers={"Content-Type": media_type})

    @router.get("/static/{digest}/{name:path}")
    async def static(request: Request) -> Response:
        return await pages.assets.serve(request)

    @router.get("/openapi.json")
    async def openapi() -> Response:
        return Response(orjson.dumps(openapi_of(app)), media_type="application/json")

    @router.get("/docs")
    async def docs(request: Request) -> Response:
        return docs_page(request, app, pages)

    @router.get("/problems")
    async def problem_types(request: Request) -> Response:
        tables = (app.state.problems, app.state.page_problems)
        return pages.render(
            request, "problems.html", title=app.title, tables=tables, reasons=app.state.reasons, again=AGAIN_WORDS
        )

    @router.get("/favicon.ico")
    async def favicon() -> Response:
        # Pages carry their icon inside; this only keeps old browsers from logging a miss.
        return Response(status_code=204)

    return router


def _health(report: HealthReport, *, detailed: bool) -> Response:
    status = "failing" if not report.fine else "degraded" if report.degraded else "ok"
    body: dict[str, object] = {"status": status}
    if detailed:
        body["checks"] = report.checks
    return Response(orjson.dumps(body), 200 if report.fine else 503, media_type="application/json")


class _Render(Protocol):
    """Makes the answer that refuses a request; ``sent`` are the fields of a form that it gives back."""

    def __call__(self, request: Request, problem: Problem, sent: Sequence[tuple[str, str]] = ()) -> Response: ...


async def _own_form(request: Request) -> list[tuple[str, str]]:
    """The fields of a form that one of this service's own pages sent, as they came; else nothing.

    What another site sent must not stand on a page of ours with a button below it. Nothing is kept here: the answer
    goes to the browser that had the fields, which stores no page of ours.
    """
    own = request.method == "POST" and request.headers.get("sec-fetch-site") == "same-origin"
    if not own or media_type(request.headers.get("content-type")) != FORM_TYPE:
        return []
    try:
        typed = await request.form()
    except HTTPException:  # larger or slower than a form may be: the refusal stands without it
        return []
    return [(name, value) for name, value in typed.multi_items() if isinstance(value, str)]


def _typed(sent: Sequence[tuple[str, str]], *, short: bool) -> str:
    """What somebody wrote in a form, to be copied; ``short``: also what is quickly written again."""
    return "\n\n".join(
        value.strip()
        for _, value in sent
        if (short or len(value) > _LONG_CHARS or "\n" in value) and not _MADE_BY_MACHINE.fullmatch(value)
    )


def _renderer(pages: Pages, service: str, forms: Forms, *, public: bool) -> "_Render":
    types = f"{pages.settings.public_urls.get(service, '').rstrip('/')}/problems"

    def render(request: Request, problem: Problem, sent: Sequence[tuple[str, str]] = ()) -> Response:
        in_public = public and not getattr(request.state, FOR_STAFF, False)
        translator = pages.translator(pages.language(request))
        if not problems.wants_page(request):
            return problems.response(problem, translator, types, to_staff=not in_public)
        document = problems.document(problem, translator, types, to_staff=not in_public)
        signs_in = problem.code == "not_signed_in" and "identity" in pages.settings.public_urls
        instead = next((forms.session_fields[name] for name, _ in sent if name in forms.session_fields), "")
        page = pages.render(
            request,
            "problem.html",
            status=problem.status_code,
            problem=document,
            fields=_controls(request.url.path, problem, forms.labels),
            public=in_public,
            signs_in=signs_in,
            sent=sent,
            instead=instead,
            typed=_typed([one for one in sent if one[0] not in forms.session_fields], short=bool(instead)),
            **({"shown_once": True} if sent else {}),
        )
        page.headers.update(problem.headers or {})
        return page

    return render


def _controls(path: str, problem: Problem, labels: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return id and label of the controls that a refused form is to be corrected in, as far as they are known."""
    form = path.rpartition("/")[2]
    ids = [at for one in problem.errors for at in (f"{one.field}-{form}", one.field) if at in labels]
    return [(at, labels[at]) for at in dict.fromkeys(ids)]


def _page_above(app: FastAPI, request: Request, console: str) -> str:
    """Return the nearest page above an address that only forms are sent to, in the language asked for.

    People get there with the other language of a refusal, with the address bar, and from signing in again. Staff are
    led to a page for staff: where there is none above, to the start page of the console.
    """
    routes = [
        (compile_path(entry.path)[0], "GET" in entry.methods, entry.actions != (Action.OPEN,))
        for entry in route_actions(app)
    ]
    path = request.url.path
    staff = any(for_staff and pattern.match(path) for pattern, _, for_staff in routes)
    found = False
    while path != "/" and not found:
        path = path.rpartition("/")[0] or "/"
        found = any(page and for_staff >= staff and pattern.match(path) for pattern, page, for_staff in routes)
    base = console.rstrip("/") if staff and not found else ""
    return f"{base}{path}" + (f"?{request.url.query}" if request.url.query else "")


def _version() -> str:
    # The version of the API documents, raised with the interface, not with the build.
    return "1.0"
