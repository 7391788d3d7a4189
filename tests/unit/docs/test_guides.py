"""The guides say what the products do: names of pages, buttons and states; what a front end sends again."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from services.intake.problem_table import PROBLEMS
from shared.audit.model import SERVICES
from shared.events.base import Event
from shared.events.catalog import EVENT_TYPES, types_of
from shared.labels import CENTER_STATES
from shared.topics import TOPICS
from shared.web.problem_catalog import SHARED, Again
from tests.unit.docs.test_paths import PROJECT
from tools.local.plan import AUDITOR, RECOUNT
from tools.local.settings import SERVICES as SERVICES_OF_MAKE_UP


@pytest.mark.parametrize("guide", ["centre-staff", "analyst"])
def test_what_a_korean_guide_prints_bold_is_on_a_page(guide: str) -> None:
    shown = {label.ko for label in CENTER_STATES.values()}
    for catalogue in (*PROJECT.glob("shared/*/locale/ko.po"), *PROJECT.glob("services/*/locale/ko.po")):
        with catalogue.open("rb") as file:
            shown |= {str(message.string) for message in read_po(file)}
    text = (PROJECT / f"docs/how-to/{guide}.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\*\*(.+?)\*\*", text)) - shown == set()


def test_the_guide_for_front_ends_says_what_to_send_again() -> None:
    text = (PROJECT / "docs/how-to/front-end.md").read_text(encoding="utf-8")
    [step] = re.findall(r"^3\. No answer, (.*?): try again", text, re.MULTILINE)
    ours = {str(one.status) for one in (*SHARED, *PROBLEMS) if one.again in {Again.LATER, Again.AFTER}}
    assert set(re.findall(r"`(\d+)`", step)) == ours | {"502", "504"}  # of what stands before intake


@pytest.mark.parametrize("topic", [one.name for one in TOPICS if not one.compacted])
def test_readers_of_a_topic_are_told_what_numbers_its_records(topic: str) -> None:
    text = (PROJECT / "docs/reference/delivery.md").read_text(encoding="utf-8")
    [row] = [line for line in text.splitlines() if line.startswith("| Versions |")]
    [field] = re.findall(rf"`(\w+)` in `{topic}`", row)
    for name in types_of(topic):
        made: Callable[..., Event] = EVENT_TYPES[name].model_construct
        assert made(**{field: 7}).sequence == 7


def test_the_typescript_client_is_installed_as_the_tutorial_does_it() -> None:
    """npm links a folder without building it, so that nothing can be imported; a test runs the tutorial's lines."""
    version = json.loads((PROJECT / "clients/typescript/package.json").read_text(encoding="utf-8"))["version"]
    for document in ("clients/typescript/README.md", "docs/tutorials/first-report.md"):
        text = (PROJECT / document).read_text(encoding="utf-8")
        installed = re.findall(r"^npm install (?:--no-save )?(\S*clients\S*)", text, re.MULTILINE)
        assert installed == [f"clients/typescript/ieum-client-{version}.tgz"]


def test_the_tutorial_changes_no_file_of_the_project() -> None:
    """Its lines are typed in the project's folder, whose `package.json` and linters would find what they make."""
    text = (PROJECT / "docs/tutorials/first-report.md").read_text(encoding="utf-8")
    assert [line for line in re.findall(r"^npm install .*", text, re.MULTILINE) if "--no-save" not in line] == []
    assert all(folder.startswith("var/") for folder in re.findall(r"-m venv (\S+)", text))


SERVICE_AT = {"8001": "intake", "8002": "routing", "8003": "notify", "8004": "analytics", "8006": "identity"}
ROUTE = re.compile(r"^\| [A-Z]+ \| `([^`]+)`", re.MULTILINE)
ADDRESS = re.compile(r"http://127\.0\.0\.1:(800\d)((?:/[\w-]+)*)")


def routes_of_services() -> dict[str, list[str]]:
    """Patterns of the routes, by service."""
    permissions = (PROJECT / "docs/permissions.md").read_text(encoding="utf-8")
    parts = re.split(r"^## Routes of (\w+)$", permissions, flags=re.MULTILINE)
    return {
        service: [re.sub(r"\{\w+\}", r"[\\w-]+", path) for path in ROUTE.findall(part)]
        for service, part in zip(parts[1::2], parts[2::2], strict=True)
    }


@pytest.mark.parametrize("document", ["README.md", "README.ko.md", "docs/index.md", "docs/tutorials/first-report.md"])
def test_every_page_a_newcomer_is_sent_to_is_a_route_of_the_service_there(document: str) -> None:
    routes = routes_of_services()
    found = ADDRESS.findall((PROJECT / document).read_text(encoding="utf-8"))
    assert found
    for port, path in found:
        assert any(re.fullmatch(route, path or "/") for route in routes[SERVICE_AT[port]]), (port, path)


def test_where_accounts_and_their_audit_are_the_start_page_says() -> None:
    text = (PROJECT / "docs/index.md").read_text(encoding="utf-8")
    audits = {(port, path) for port, path in ADDRESS.findall(text) if path == "/audit"}
    assert audits == {(port, "/audit") for port, service in SERVICE_AT.items() if service in SERVICES}


def test_no_figure_that_may_be_corrected_is_said_to_stay() -> None:
    """Without `revision` an address gives the newest one, so whoever keeps its answer keeps what was wrong."""
    api = json.loads((PROJECT / "docs/openapi/analytics.json").read_text(encoding="utf-8"))
    for methods in api["paths"].values():
        for operation in methods.values():
            if any(one["name"] == "revision" for one in operation.get("parameters", ())):
                assert "A released file never changes" not in operation["description"]
    assert "revision" in api["info"]["description"]


GUIDES = sorted((PROJECT / "docs/how-to").glob("*.md"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_the_log_that_a_guide_sends_to_is_one_of_a_process(guide: Path) -> None:
    logs = {*SERVICES_OF_MAKE_UP, AUDITOR, RECOUNT, "kafka", "store", "mailbox"}
    assert set(re.findall(r"`ieum logs ([\w-]+)", guide.read_text(encoding="utf-8"))) <= logs


SECRET_AMONG_ARGUMENTS = re.compile(r"(?:--\S+|\benv\b.*|-e\s+)\b\w*(?:KEYS?|PASSWORD|TOKEN|SECRET)=\S", re.DOTALL)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_no_command_of_a_guide_has_a_secret_among_its_arguments(guide: Path) -> None:
    """Everybody on a machine reads them; of `kubectl exec` they stand in the cluster's audit log too."""
    blocks = re.findall(r"^ *```(?:sh)?\n(.*?)^ *```", guide.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    commands = [command for block in blocks for command in re.split(r"(?<!\\)\n", block)]
    assert [command for command in commands if SECRET_AMONG_ARGUMENTS.search(command)] == []


def test_a_secret_among_arguments_is_found() -> None:
    wrong = (
        'kubectl create secret generic a --from-literal=IEUM_TICKET_KEY="$(openssl rand -base64 32)"',
        'kubectl exec analytics-0 -- env KAFKA_SASL_USERNAME=redrive \\\n  KAFKA_SASL_PASSWORD="$(cat)" python',
        "docker compose run -e KAFKA_SASL_PASSWORD=12345 recount",
    )
    right = ('export KAFKA_SASL_PASSWORD="$(cat file)"', "docker compose run -e KAFKA_SASL_PASSWORD recount")
    assert [bool(SECRET_AMONG_ARGUMENTS.search(command)) for command in (*wrong, *right)] == [True] * 3 + [False] * 2


def test_every_page_a_runbook_sends_to_is_a_route() -> None:
    """Of any service: which one, the words beside it say. An address of the API is no page to look at."""
    text = (PROJECT / "docs/how-to/runbooks.md").read_text(encoding="utf-8")
    found = [path.partition("?")[0] for path in re.findall(r"`(/[\w/-]*(?:\?[\w=]+)?)`", text)]
    pages = {route for routes in routes_of_services().values() for route in routes}
    assert found
    assert [path for path in found if not any(re.fullmatch(route, path) for route in pages)] == []
