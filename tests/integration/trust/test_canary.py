"""Nothing personal is anywhere but sealed: canaries in every field on every path, and every place searched."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from pymongo import MongoClient

from shared.events.base import Record
from shared.identity.roles import StaffRole
from shared.kafka.publisher import Publisher
from shared.settings import KafkaSettings
from tests.integration.trust import places
from tests.integration.trust.canaries import Canaries, Finder
from tests.integration.trust.operators import lodged_by_phone
from tests.integration.trust.places import Place
from tests.integration.trust.strangers import asked_wrongly, refused, strangers
from tests.integration.trust.street import (
    OTHER,
    OWNER,
    Street,
    duty,
    lodged_by_hand,
    lodged_by_programs,
    lodged_step_by_step,
    worked_on,
)
from tests.support.waiting import eventually
from tools.demo import frontends, people
from tools.demo.people import Crew, Wanted
from tools.local.settings import SERVICES, LocalSettings
from tools.local.stack import Stack

pytestmark = [pytest.mark.engines, pytest.mark.timeout(480)]

STAFF = (
    Wanted(OWNER, (StaffRole.LEAD,)),
    Wanted(OTHER, (StaffRole.LEAD,)),
    Wanted(OWNER, (StaffRole.OPERATOR,)),
    Wanted("ministry", (StaffRole.AUDITOR,)),
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole system as processes, which say as much as they can."""
    settings = LocalSettings.on_free_ports(tmp_path_factory.mktemp("canary"))
    settings = settings.model_copy(
        update={"kafka_bootstrap_servers": "", "mongodb_uri": type(settings.mongodb_uri)("")}
    )
    env = {service: {"IEUM_LOG_LEVEL": "DEBUG"} for service in SERVICES}
    env["notify"] |= {"NOTIFY_POLL_S": "0.2"}
    started = Stack(settings, say=lambda _: None, extra_env=env)
    started.start()
    yield started
    started.stop()


async def test_no_canary_is_anywhere_but_sealed(stack: Stack) -> None:
    street = Street(stack)
    staff = people.create(stack.environment_of("identity"), STAFF)
    credential = frontends.credential(stack.environment_of("intake"), "canary-front", stack.run_once)
    for person in staff.values():
        street.canaries.known(f"{person.account}: password", person.password)
        street.canaries.known(f"{person.account}: second factor", person.totp_secret)
    street.canaries.known("front end's secret", credential.partition(".")[2])
    crew = Crew(stack.urls, staff)
    await duty(crew)
    await lodged_by_programs(street, credential)
    await lodged_by_hand(street)
    await lodged_step_by_step(street)
    await lodged_by_phone(street, crew)
    await refused(street, credential)
    await asked_wrongly(street)
    await strangers(street)
    await worked_on(street, crew, credential)
    await everything_arrived(stack, len(street.receipts))
    for _, receipt in street.receipts:
        street.canaries.known("receipt", receipt)
    assert {200, 201, 202, 303, 401, 403, 404, 409, 422} <= street.answers.statuses.keys()
    assert len(street.canaries.all) > 80
    finder = Finder(street.canaries)
    searched, found = 0, []
    for where, text in [*await everywhere(stack), *street.answers.places]:
        searched += 1
        found += [f"{name} in {where}" for name in finder.found(text)]
    assert not found, "\n".join(sorted(set(found)))
    assert searched > 1000
    await planted(stack, street.canaries)


async def everywhere(stack: Stack) -> list[Place]:
    found = await places.topics(stack.kafka)
    for kind in (places.logs(stack), places.metrics(stack), places.mails(stack), places.documents(stack.mongodb)):
        some = list(kind)
        assert some, "a kind of place that held nothing was not looked at"
        found += some
    return found


async def everything_arrived(stack: Stack, count: int) -> None:
    """Every report is counted and mailed about, so that every place had its chance."""

    async def arrived() -> bool:
        client: MongoClient[Any] = MongoClient(stack.mongodb)
        with client:
            facts = client["ieum_analytics"]["facts"].count_documents({})
            waiting = client["ieum_intake"]["reports"].count_documents({"outbox": {"$exists": True}})
        return bool(facts >= count and not waiting and list(places.mails(stack)))

    await eventually(arrived, "everything has arrived")


async def planted(stack: Stack, canaries: Canaries) -> None:
    """The search finds what is planted, in every kind of place and every form: else it would prove nothing."""
    by_name = {one.name: one for one in canaries.all}
    one, phone = by_name["victim: narrative"], by_name["victim: phone"]
    forms = [
        one.typed.encode(),
        one.core.upper().encode(),
        b"xx" + base64.b64encode(b"{" + one.typed.encode() + b"}"),
        base64.urlsafe_b64encode(b"ab" + one.core.encode() + b"yz"),
        one.typed.encode().hex().encode(),
        json.dumps({"x": one.typed}).encode(),
        str(httpx.QueryParams({"q": one.typed})).encode(),
        phone.typed.replace("-", "").encode(),
        f"+82{phone.typed.replace('-', '')[1:]}".encode(),
        phone.typed.encode(),
    ]
    finder = Finder(canaries)
    for number, form in enumerate(forms):
        assert finder.found(b"before " + form + b" after"), f"form {number} was not found"
    assert not finder.found(b"a line of any log 2026-11-24 010-0000-0000")
    publisher = Publisher(KafkaSettings(bootstrap_servers=stack.kafka))
    await publisher.start()
    headers = (("x-odd", one.core.encode()),)
    await publisher.publish([Record(topic="alerts", key="k", value=b"{}", headers=headers)])
    await publisher.stop()
    client: MongoClient[Any] = MongoClient(stack.mongodb)
    with client:
        client["ieum_scratch"]["x"].insert_one({"deep": [{"er": one.typed.encode()}]})
    (stack.settings.var / "logs" / "scratch.log").write_text(f"\n{one.typed}\n", encoding="utf-8")
    found = {where.partition(" ")[0] for where, text in await everywhere(stack) if finder.found(text)}
    assert found == {"topic", "document", "log"}, found
