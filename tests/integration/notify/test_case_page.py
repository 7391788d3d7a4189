"""The page of a case and its row: critical facts first, one next step, unread until opened, refusals beside fields."""

import re
from typing import Any

import httpx
import jwt
import pytest

from services.notify.console.lists import count_cases
from shared.labels import ROUTING_REASONS
from tests.integration.notify.conftest import NotifyHarness, Start
from tests.integration.notify.moves import case_of, taken, tell
from tests.integration.notify.test_work import colleague
from tests.support.mail import MailSink
from tests.support.waiting import eventually
from tests.unit.notify.samples import event, report_id

ID = report_id(1)
PAGE = f"/cases/{ID}"
ENGLISH = {"Accept-Language": "en"}


async def page_of(harness: NotifyHarness, path: str = PAGE, language: str = "en", who: str = "gwangju") -> str:
    headers = {"Accept-Language": language}
    came = await harness.http.get(path, auth=harness.staff(who, subject="kim"), headers=headers)
    assert came.status_code == 200, came.text
    return re.sub(r"\s+", " ", came.text)


async def sent(harness: NotifyHarness, what: str, **form: str) -> httpx.Response:
    who = harness.staff("gwangju", subject="kim")
    return await harness.http.post(f"{PAGE}/{what}", data={"ownership": "1", **form}, auth=who, headers=ENGLISH)


def primaries(page: str) -> list[str]:
    return re.findall(r'<(?:button|a)[^>]*class="(?:button )?primary"[^>]*>([^<]*)<', page)


async def test_an_unread_message_stays_marked_until_the_details_are_opened(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await harness.routed(event("report.routed", 1))
    await eventually(lambda: harness.case(ID))
    await tell(harness, "report.updated", kind="message_left")
    assert (await sent(harness, "acknowledge", back="list")).status_code == 303
    assert ">1 message</span>" in await page_of(harness, "/")
    assert "1 message nobody has opened" in await page_of(harness)
    for whose in ("gwangju", "central"):
        counts = await count_cases(harness.notify.cases, whose)
        assert (counts.new, counts.working) == (1, 0)
    assert primaries(await page_of(harness)) == ["Open the message"]
    opened = await sent(harness, "details", purpose="message")
    assert opened.status_code == 200
    assert ">1 message</span>" not in await page_of(harness, "/")
    assert "nobody has opened" not in await page_of(harness)
    counts = await count_cases(harness.notify.cases, "gwangju")
    assert (counts.new, counts.working) == (0, 1)


async def test_a_threats_deadline_and_why_it_is_here_come_first(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    routed: Any = event("report.routed", 1, center="gyeonggi")
    decision = {**routed.model_dump(mode="json")["decision"], "reason": "no_home_seoul"}
    await harness.routed(event("report.routed", 1, decision=decision))
    await eventually(lambda: harness.case(ID))
    row = await page_of(harness, "/", who="gyeonggi")
    assert re.search(r'class="threat countdown">Threat deadline: <time datetime="2026-11-25T21:00:00\+09:00"', row)
    for language, deadline in (("en", "Threat deadline"), ("ko", "협박 기한")):
        page = await page_of(harness, language=language, who="gyeonggi")
        assert page.index(deadline) < page.index('<dl class="facts">')
        assert ROUTING_REASONS["no_home_seoul"].text(language) in page


async def test_the_page_has_one_primary_button_that_is_the_next_step(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await harness.routed(event("report.routed", 1))
    await eventually(lambda: harness.case(ID))
    found = [primaries(await page_of(harness))]
    for act, form in (
        ("acknowledge", {"back": "case"}),
        ("details", {"purpose": "first_contact"}),
        ("contact", {"way": "text", "reached": "true"}),
    ):
        assert (await sent(harness, act, **form)).status_code in {200, 303}
        found.append(primaries(await page_of(harness)))
    assert found == [["Acknowledge"], ["Open the details"], ["Note the contact"], ["Note support or close"]]


@pytest.mark.parametrize(
    ("form", "control", "kept"),
    [
        ({"to_center_id": "busan", "reason": "place"}, "agreed-transfer", ("busan", "place")),
        (
            {"to_center_id": "jeonbuk", "reason": "capacity", "agreed": "true"},
            "to_center_id-transfer",
            ("jeonbuk", "capacity"),
        ),
    ],
)
async def test_a_refused_transfer_keeps_what_was_chosen_and_says_why_beside_the_field(
    start: Start, sink: MailSink, form: dict[str, str], control: str, kept: tuple[str, str]
) -> None:
    del sink
    harness = await start()
    facts = {**event("report.routed", 1).model_dump(mode="json")["facts"], "other_centers": False}
    await taken(harness, facts=facts)
    came = await sent(harness, "transfer", **form)
    assert came.status_code == 409
    for value in kept:
        assert f'<option value="{value}" selected>' in came.text
    assert ('id="agreed-transfer" name="agreed" value="true" checked' in came.text) == ("agreed" in form)
    (wrong,) = re.findall(r"<(?:select|input)[^>]*aria-invalid[^>]*>", came.text)
    assert f'id="{control}"' in wrong
    assert "autofocus" in wrong
    assert f'<p class="error" id="{control}-error">' in came.text
    assert f'<a href="#{control}">' in came.text
    assert came.text.count("autofocus") == 1
    assert (await case_of(harness)).offer is None


async def test_central_sees_its_list_by_centre(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    for number, center, urgency in ((1, "busan", "normal"), (2, "jeju", "critical"), (3, "busan", "high")):
        await harness.routed(event("report.routed", number, center=center, urgency=urgency))
    await eventually(lambda: harness.shown(1, 2, 3))
    page = await page_of(harness, "/", who="central")
    groups = re.findall(r'<details class="group" data-center="(\w+)" open>.*?group-count">(\d+)<(.*?)</details>', page)
    assert [(center, count) for center, count, _ in groups] == [("jeju", "1"), ("busan", "2")]
    assert [re.findall(r'id="case-([^"]+)"', rows) for *_, rows in groups] == [
        [report_id(2)],
        [report_id(3), report_id(1)],
    ]


async def test_a_ticket_brings_the_cases_name_and_those_of_who_had_the_details(start: Start, sink: MailSink) -> None:
    del sink
    harness = await start()
    await taken(harness)
    colleague(harness, "lee")
    opening: dict[str, Any] = {"ownership": 1, "purpose": "follow_up"}
    assert (await harness.act("details-ticket", ID, "gwangju", "lee", **opening)).status_code == 200
    issued = (await harness.act("details-ticket", ID, "gwangju", "kim", **opening)).json()
    claims = jwt.decode(issued["ticket"], options={"verify_signature": False})
    assert claims["als"] == (await case_of(harness)).alias
    assert claims["ppl"] == {"lee": "Lee"}, "kim has no account here, and is not called by a reference"
