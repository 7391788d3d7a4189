"""Details open to the owning centre's staff, once per ticket, written down first; everybody else is refused."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.intake.reports import authentication
from services.intake.reports.documents import Document
from services.intake.staff_access import service as staff_access
from shared.audit.model import AuditEntry, ChainEntry
from shared.audit.queries import AuditReader, Filter, usage_counts
from shared.clock import SystemClock
from shared.errors import TransientError
from tests.integration.intake.harness import LEAST, IntakeHarness, running
from tests.integration.intake.test_accepting import PERSONAL
from tests.integration.intake.test_following import routing
from tests.integration.intake.test_outages import settings_of
from tests.support.clock import JumpClock, agreeing
from tests.support.staff import TestIdentity
from tests.support.waiting import DEADLINE_S, eventually
from tools.local.engines import Engines

TOLD: dict[str, Any] = PERSONAL
HTML = {"Accept": "text/html", "Accept-Language": "en"}


async def owned(harness: IntakeHarness) -> str:
    """A report with everything personal in it, owned by a centre as intake knows."""
    report_id = str((await harness.lodge({**LEAST, **PERSONAL})).json()["report_id"])
    await moved(harness, report_id, "busan", 1)
    return report_id


async def moved(harness: IntakeHarness, report_id: str, center_id: str, version: int) -> None:
    await harness.publish([await routing(harness, report_id, version, center_id)])

    async def known() -> bool:
        stored = await harness.collection.find_one({"_id": report_id})
        ownership = stored["progress"]["ownership"]
        return bool(ownership and ownership["ownership"] == version)

    await eventually(known)


async def opened(harness: IntakeHarness, ticket: str, **more: Any) -> httpx.Response:
    return await harness.http.post("/details", data={"ticket": ticket}, headers={**HTML, **more})


async def code_of(harness: IntakeHarness, ticket: str) -> tuple[int, str]:
    answer = await harness.http.post("/details", data={"ticket": ticket})
    return answer.status_code, str(answer.json()["code"])


async def lines(harness: IntakeHarness) -> list[ChainEntry]:
    await harness.intake.audit.settle()
    found, _ = await AuditReader(harness.intake.audit).page(Filter(action="details.open"))
    return [line for line in found if line.at >= harness.began]


async def current(harness: IntakeHarness) -> None:
    async def is_current() -> bool:
        return harness.intake.details_service.current()

    await eventually(is_current)


@pytest.mark.parametrize(
    ("language", "words", "sign_in"), [("en", "Before you make contact", "Sign in"), ("ko", "연락하기 전에", "로그인")]
)
async def test_no_page_of_a_ticket_asks_whoever_came_with_it_to_sign_in(
    harness: IntakeHarness, language: str, words: str, sign_in: str
) -> None:
    report_id = await owned(harness)
    await current(harness)
    open_page = await opened(harness, harness.people.ticket(report_id, "busan"), **{"Accept-Language": language})
    assert words in open_page.text
    closed = await harness.http.get("/details", headers=HTML | {"Accept-Language": language})
    assert [f">{sign_in}<" in page.text for page in (open_page, closed)] == [False, False]


@pytest.mark.parametrize(("language", "words"), [("en", "Deadline of the threat"), ("ko", "협박 기한")])
async def test_the_deadline_of_a_threat_stands_above_everything_else(
    harness: IntakeHarness, language: str, words: str
) -> None:
    report_id = await owned(harness)
    await current(harness)
    page = await opened(harness, harness.people.ticket(report_id, "busan"), **{"Accept-Language": language})
    until = page.text.index(
        f'<section class="notice threat" aria-labelledby="threat-title"><h2 id="threat-title">{words}'
    )
    assert until < min(page.text.index(after) for after in ('class="card', "<dl"))
    assert f'datetime="{TOLD["threat_deadline"]}"' in page.text[until:].partition("</section>")[0]


@pytest.mark.parametrize(
    ("code", "reader", "shown"),
    [
        ("lo", "ko", '<dt>언어</dt><dd>라오어 (<span lang="lo">ລາວ</span>)</dd>'),
        ("lo", "en", '<dt>Language</dt><dd>Lao (<span lang="lo">ລາວ</span>)</dd>'),
        ("ko", "ko", "<dt>언어</dt><dd>한국어</dd>"),
        ("fr", "en", "<dt>Language</dt><dd>fr</dd>"),
    ],
)
async def test_the_language_to_speak_stands_by_the_readers_name_for_it_and_by_its_own(
    harness: IntakeHarness, code: str, reader: str, shown: str
) -> None:
    reachable = {**LEAST, "language": code, "contact": {"channels": ["message_here"]}}
    report_id = str((await harness.lodge(reachable)).json()["report_id"])
    await moved(harness, report_id, "busan", 1)
    await current(harness)
    page = await opened(harness, harness.people.ticket(report_id, "busan"), **{"Accept-Language": reader})
    assert shown in page.text


async def test_the_owning_centre_reads_everything_and_it_is_written_down(harness: IntakeHarness) -> None:
    report_id = await owned(harness)
    await current(harness)
    page = await opened(harness, harness.people.ticket(report_id, "busan", "counsellor", subject="s-1"))
    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    contact = {name: value for name, value in TOLD["contact"].items() if name != "may_say"}
    texts = [TOLD["narrative"], *TOLD["urls"], *TOLD["fingerprints"], *TOLD["picture_hashes"], *contact.values()]
    texts += [TOLD["seen_when"], TOLD["search_words"], "Only that it is a private call", "The police"]
    assert [text for text in texts if isinstance(text, str) and text not in page.text] == []
    assert f'href="{TOLD["urls"][0]}' not in page.text
    assert "Not allowed: leave nothing behind" in page.text
    assert "hreflang=" not in page.text, "in the other language they would be gone, and a note being written with them"
    [line] = await lines(harness)
    assert (line.actor, line.organisation, line.outcome, line.reason) == ("s-1", "busan", "done", "first_contact")
    assert line.report == harness.intake.audit.keys.reference(report_id)
    assert line.detail == {"ownership": "1", "session": "none"}, "written down as what it is"
    assert await harness.intake.audit.verify() == []


async def test_a_ticket_opens_for_whom_it_was_made_and_only_from_a_page_of_ours(harness: IntakeHarness) -> None:
    report_id = await owned(harness)
    ticket = harness.people.ticket(report_id, "busan", subject="kim")
    other = {"Authorization": f"Bearer {harness.people.token('jeju', 'counsellor', subject='lee')}"}
    refused = await opened(harness, ticket, **other)
    assert refused.status_code == 403
    assert "help" not in refused.text
    for origin in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "", "origin": "https://evil.example"}):
        assert (await opened(harness, ticket, **origin)).status_code == 403
    bare = httpx.Request("POST", "http://intake/details", data={"ticket": ticket}, headers=HTML)
    assert (await harness.http.send(bare)).status_code == 403, "a browser says where it comes from"
    own = {"Authorization": f"Bearer {harness.people.token('busan', 'counsellor', subject='kim')}"}
    await current(harness)
    assert (await opened(harness, ticket, **own)).status_code == 200
    said = sorted((line.outcome.value, line.detail) for line in await lines(harness))
    assert said == [
        ("done", {"ownership": "1"}),
        ("refused", {"ownership": "1", "refused": "ticket_of_another", "used_by": "lee"}),
    ]


async def test_a_ticket_opens_once_even_when_two_processes_are_asked_at_the_same_time(
    harness: IntakeHarness,
) -> None:
    report_id = await owned(harness)
    async with running(harness.bus_settings, harness.store_settings) as second:
        second.intake.identity.adopt(harness.people.document())
        for _ in range(5):
            ticket = harness.people.ticket(report_id, "busan")
            answers = await asyncio.gather(*(opened(one, ticket) for one in (harness, second) * 3))
            assert sorted(answer.status_code for answer in answers) == [200] + [410] * 5
            assert await code_of(second, ticket) == (410, "ticket_used")
    assert [line.detail.get("refused") for line in await lines(harness)].count(None) == 5


async def test_whatever_is_wrong_with_a_ticket_it_stays_closed(harness: IntakeHarness) -> None:
    report_id = await owned(harness)
    clock, people = SystemClock(), harness.people
    stranger = TestIdentity(clock, "intake", ticket_key=b"f" * 32)
    people.revoke("s" * 20)
    harness.intake.identity.adopt(people.document())
    # A ticket lives for a minute: each is made when it is used.
    refusals: list[tuple[str, Callable[[], str]]] = [
        ("ticket_invalid", lambda: ""),
        ("ticket_invalid", lambda: "x" * 200),
        ("ticket_invalid", lambda: stranger.ticket(report_id, "busan")),
        ("ticket_invalid", lambda: people.token("busan", "counsellor")),
        ("ticket_invalid", lambda: people.ticket(report_id, "busan", session="s" * 20)),
        ("ticket_expired", lambda: people.ticket(report_id, "busan", issued_at=clock.now() - timedelta(seconds=61))),
        ("ticket_expired", lambda: people.ticket(report_id, "busan", lasts=timedelta(hours=2))),
        ("not_allowed", lambda: people.ticket(report_id, "busan", "operator")),
        ("owner_changed", lambda: people.ticket(report_id, "jeju")),
        ("unknown_report", lambda: people.ticket("00000000-0000-4000-8000-000000000000", "busan")),
    ]
    for number, (code, ticket) in enumerate(refusals):
        assert (await code_of(harness, ticket()))[1] == code, (code, number)
    real = people.ticket(report_id, "busan")
    head, body, signature = real.split(".")
    forged = (
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{stranger.ticket(report_id, 'jeju').split('.')[1]}.{signature}",
    )
    for one in forged:
        assert await code_of(harness, one) == (403, "ticket_invalid")
    assert (await opened(harness, real)).status_code == 200, "none of it used the real one up"
    last, *told = await lines(harness)
    assert (len(told), {line.outcome for line in told}) == (len(refusals) + len(forged), {"refused"})
    assert last.outcome == "done"


@pytest.mark.own_service
async def test_a_flood_of_what_is_no_ticket_leaves_thirty_lines_and_a_real_one_opens(harness: IntakeHarness) -> None:
    report_id = await owned(harness)
    started = time.monotonic()
    for _ in range(60):
        assert (await code_of(harness, "x"))[1] == "ticket_invalid"
    taken_again = (time.monotonic() - started) / 2  # thirty a minute come back
    assert 30 <= len(await lines(harness)) <= 30 + taken_again
    assert (await opened(harness, harness.people.ticket(report_id, "busan"))).status_code == 200


async def test_the_old_owner_is_refused_once_the_new_one_is_known(harness: IntakeHarness) -> None:
    report_id = await owned(harness)
    await moved(harness, report_id, "jeju", 2)
    before = harness.people.ticket(report_id, "busan", ownership=1)
    assert await code_of(harness, before) == (409, "owner_changed")
    assert await code_of(harness, harness.people.ticket(report_id, "busan", ownership=2)) == (409, "owner_changed")
    assert (await opened(harness, harness.people.ticket(report_id, "jeju", ownership=2))).status_code == 200


async def test_a_ticket_that_is_ahead_waits_for_intake_a_moment_and_not_longer(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id = await owned(harness)
    ahead = harness.people.ticket(report_id, "jeju", ownership=2)
    assert await code_of(harness, ahead) == (503, "owner_not_known_yet")
    [line] = await lines(harness)
    assert (line.detail["refused"], line.detail["stale"]) == ("owner_not_known_yet", "routings")
    assert [(row.refused, row.stale) for row in usage_counts([line])] == [(0, 1)]
    monkeypatch.setattr(staff_access, "PATIENCE_S", DEADLINE_S)  # a busy machine takes longer than a moment
    waiting = asyncio.create_task(opened(harness, ahead))
    await harness.publish([await routing(harness, report_id, 2, "jeju")])
    assert (await waiting).status_code == 200


async def test_a_report_whose_routings_lack_a_record_opens_to_the_last_known_owner_and_stops_nobody(
    harness: IntakeHarness,
) -> None:
    report_id = await owned(harness)
    await harness.publish([await routing(harness, report_id, 3, "jeju")])

    async def marked() -> bool:
        stored = await harness.collection.find_one({"_id": report_id})
        return bool(stored["progress"]["hole"] == 3)

    await eventually(marked)
    await owned(harness)  # another report is accepted and followed
    page = await opened(harness, harness.people.ticket(report_id, "busan"))
    assert page.status_code == 200
    assert "The last known owner counts" in page.text
    assert await code_of(harness, harness.people.ticket(report_id, "jeju", ownership=3)) == (503, "owner_not_known_yet")
    refused, done = await lines(harness)
    assert (done.outcome, done.detail["stale"], refused.outcome) == ("done", "hole", "refused")


async def test_a_withdrawn_report_is_sealed_at_once_and_open_again_after_second_thoughts(
    harness: IntakeHarness,
) -> None:
    body = (await harness.lodge({**LEAST, **PERSONAL})).json()
    report_id = body["report_id"]
    await moved(harness, report_id, "busan", 1)
    for path, code in (("withdraw", 410), ("reinstate", 200)):
        done = await harness.http.post(
            f"/api/v1/receipts/{path}", json={"receipt": body["receipt"]}, headers=harness.headers()
        )
        assert done.status_code == 200, done.text
        assert (await opened(harness, harness.people.ticket(report_id, "busan"))).status_code == code
    assert [line.detail.get("refused") for line in await lines(harness)] == [None, "withdrawn"]


async def test_what_is_withdrawn_while_the_access_is_written_down_is_not_shown(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (await harness.lodge({**LEAST, **PERSONAL})).json()
    await moved(harness, body["report_id"], "busan", 1)
    original = harness.intake.audit.append

    async def overtaken(*entries: AuditEntry) -> None:
        await original(*entries)
        if entries[0].action == "details.open":
            withdrawn = await harness.http.post(
                "/api/v1/receipts/withdraw", json={"receipt": body["receipt"]}, headers=harness.headers()
            )
            assert withdrawn.status_code == 200

    monkeypatch.setattr(harness.intake.audit, "append", overtaken)
    answer = await harness.http.post("/details", data={"ticket": harness.people.ticket(body["report_id"], "busan")})
    assert (answer.status_code, answer.json()["code"]) == (410, "withdrawn")


async def test_swapped_sealed_parts_open_nothing(harness: IntakeHarness) -> None:
    first, second = await owned(harness), await owned(harness)
    stored: Document = await harness.collection.find_one({"_id": second})
    taken = stored["sealed"]["fields"]
    swaps: list[Document] = [
        {"sealed.fields.narrative": taken["narrative"]},
        {"sealed.key": stored["sealed"]["key"]},
        {"sealed.fields.narrative": taken["urls"]},
    ]
    whole: Document = await harness.collection.find_one({"_id": first})
    counted = authentication.FAILURES.labels("sealed")._value
    for number, swap in enumerate(swaps, int(counted.get()) + 1):
        await harness.collection.update_one({"_id": first}, {"$set": swap})
        answer = await opened(harness, harness.people.ticket(first, "busan"))
        assert answer.status_code == 500
        assert TOLD["narrative"] not in answer.text
        assert counted.get() == number, "an operator is told of it, not this one counsellor alone"
        await harness.collection.replace_one({"_id": first}, whole)
    assert (await opened(harness, harness.people.ticket(first, "busan"))).status_code == 200


async def test_what_cannot_be_written_down_is_not_shown(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    report_id = await owned(harness)

    async def away(*_: object) -> None:
        raise TransientError("store: gone")

    monkeypatch.setattr(harness.intake.audit, "_write", away)
    answer = await opened(harness, harness.people.ticket(report_id, "busan"))
    assert answer.status_code == 503
    assert TOLD["narrative"] not in answer.text


@pytest.mark.thorough
async def test_without_kafka_the_last_known_owner_counts_and_the_audit_says_so(
    own_engines: Engines, unique: str
) -> None:
    bus, store = settings_of(own_engines, unique)
    async with running(bus, store) as harness:
        report_id = await owned(harness)
        await current(harness)
        assert (await opened(harness, harness.people.ticket(report_id, "busan"))).status_code == 200
        own_engines.kill_kafka()

        async def noticed() -> bool:
            return not harness.intake.details_service.current()

        await eventually(noticed)
        page = await opened(harness, harness.people.ticket(report_id, "busan"))
        assert page.status_code == 200
        assert "The last known owner counts" in page.text
        newest, older = await lines(harness)
        assert newest.detail["stale"] == "routings"
        assert "stale" not in older.detail
        own_engines.start_kafka()
        await eventually(lambda: _current_again(harness))


async def _current_again(harness: IntakeHarness) -> bool:
    return harness.intake.details_service.current()


async def test_a_process_whose_clock_is_ahead_lets_no_ticket_open_twice(harness: IntakeHarness) -> None:
    report_id, ahead = await owned(harness), JumpClock()
    await current(harness)
    ticket = harness.people.ticket(report_id, "busan")
    assert (await opened(harness, ticket)).status_code == 200
    ahead.jump(days=1)
    await harness.intake.details_service.sweep(agreeing(ahead, ahead=timedelta(days=1)))
    assert (await code_of(harness, ticket)) == (410, "ticket_used")
