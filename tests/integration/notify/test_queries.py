"""Every query about cases has an index that it uses, and every index has a query: asked of the store's own planner."""

import inspect
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any, Final

import pytest
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from services.notify.cases.projection import fold
from services.notify.cases.repository import INDEXES, CaseStore, Change
from services.notify.escalation.rules import Rules
from shared import mongo
from shared.jobs import Skipped
from shared.settings import StoreSettings
from tests.unit.notify.samples import NOW, TRACE, event

IDS: Final = [f"00000000-0000-4000-8000-{number:012}" for number in range(3)]
SINCE: Final = NOW - timedelta(days=1)

_FOLDED: Final = fold(None, event("report.routed", 1), TRACE, Rules(), NOW)
assert _FOLDED is not None
ROUTED: Final = _FOLDED
ASKED: Final[dict[str, Callable[[CaseStore], Awaitable[object]]]] = {
    "load": lambda store: store.load(IDS),
    "save": lambda store: store.save([Change(ROUTED, None)], NOW),
    "due": lambda store: store.due(NOW, 10),
    "due of critical ones": lambda store: store.due(NOW, 10, critical=True),
    "claim": lambda store: store.claim("worker:claim", 60, IDS, NOW, Skipped("test")),
    "release": lambda store: store.release("worker", NOW, 60),
    "asleep_past": lambda store: store.asleep_past(NOW),
    "asleep_past of critical ones": lambda store: store.asleep_past(NOW, critical=True),
    "backlog": lambda store: store.backlog(NOW),
    "page": lambda store: store.page("busan", ("0", "3"), 10),
    "of_person": lambda store: store.of_person("busan", "s-1"),
    "by_alias": lambda store: store.by_alias("가람-4821"),
    "copied": lambda store: store.copied(10),
    "counted": lambda store: store.counted("busan", SINCE, NOW),
    "late": lambda store: store.late(10),
    "held": lambda store: store.held("busan"),
    "held of all": lambda store: store.held(None),
    "unread": lambda store: store.unread("busan"),
    "working": lambda store: store.working("busan"),
    "waiting": lambda store: store.waiting("busan"),
    "waiting of all": lambda store: store.waiting(None),
    "offered": lambda store: store.offered("busan"),
    "offered of all": lambda store: store.offered(None),
    "offers_to": lambda store: store.offers_to("busan"),
    "offers_of": lambda store: store.offers_of("busan"),
    "unconfirmed": lambda store: store.unconfirmed(NOW),
    "alert_states": lambda store: store.alert_states(IDS),
    "first_waiting": lambda store: store.first_waiting(0, SINCE, NOW),
}


UNBOUNDED: Final = {
    "release": "what a process held when it died: a few claims",
    "of_person": "what one person has in hand",
    "counted": "the numbers of one centre for some months",
}
"""Queries without a limit, and of what they read; all others read no more however many cases are open."""
OF_FEW: Final = ("drills", "held", "offered")
"""The indexes a query may name: the embedded store reads the whole of an index that is named."""


class Queries(CommandListener):
    """What was asked of the collection of cases, as the ``find`` that it is."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        command = event.command
        if command.get(event.command_name) != "cases":
            return
        if event.command_name == "find":
            self.asked.append({name: command[name] for name in ("filter", "sort", "hint", "limit") if name in command})
        elif event.command_name == "aggregate":
            stages = {name: stage[name] for stage in command["pipeline"] for name in stage}
            limit = {"limit": stages["$limit"]} if "$limit" in stages else {}
            hint = {"hint": command["hint"]} if "hint" in command else {}
            self.asked.append({"filter": stages["$match"], **limit, **hint})
        elif event.command_name in {"update", "delete"}:
            self.asked += [{"filter": one["q"]} for one in command.get("updates", command.get("deletes", ()))]

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def indexes_of(plan: Any) -> set[str]:
    """The names of the indexes in a plan; a look at every document counts as the index ``none``."""
    if isinstance(plan, list):
        return set().union(*(indexes_of(part) for part in plan)) if plan else set()
    if not isinstance(plan, dict):
        return set()
    found = {plan["indexName"]} if "indexName" in plan else set()
    if plan.get("stage") == "COLLSCAN":
        found.add("none")
    return found.union(*(indexes_of(part) for part in plan.values()))


def test_every_query_of_the_store_is_asked_here() -> None:
    queries = {
        name
        for name, made in inspect.getmembers(CaseStore, inspect.iscoroutinefunction)
        if not name.startswith("_") and name != "prepare"
    }
    assert {name.split(" of ")[0] for name in ASKED} == queries


async def test_every_query_uses_an_index_and_every_index_is_used(
    store_settings: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = Queries()
    monkeypatch.setattr(mongo, "AsyncIOMotorClient", partial(AsyncIOMotorClient, event_listeners=[queries]))
    database = mongo.connect(store_settings, "notify")
    store = CaseStore(database)
    await store.prepare()
    used: set[str] = set()
    for name, ask in ASKED.items():
        queries.asked.clear()
        await ask(store)
        assert queries.asked or name == "save", f"{name} asked nothing of the collection of cases"
        for one in [one for one in queries.asked if "_id" not in one["filter"]]:
            plan = await database.command({"explain": {"find": "cases", **one}, "verbosity": "queryPlanner"})
            found = indexes_of(plan["queryPlanner"]["winningPlan"])
            assert found.difference({"none"}) == found != set(), f"{name} looks at every case: {one}"
            used |= found
            assert one.get("hint") in {None, *OF_FEW}, f"{name} reads a whole index of all cases: {one}"
            assert ("limit" in one) != (name in UNBOUNDED), f"{name} reads as much as there is: {one}"
    assert used == {index.document["name"] for index in INDEXES}
    database.client.close()
