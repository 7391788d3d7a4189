"""Answers and notes are sealed with the report, written only by who has just read it, read only by who holds it."""

import asyncio
import re
from typing import Any

import httpx
import pytest

from shared.errors import TransientError
from shared.identity.tokens import Purpose
from tests.integration.intake.harness import IntakeHarness
from tests.integration.intake.holding import Holder, audit_of, holder
from tests.integration.intake.holding import owned as assigned
from tests.integration.intake.holding import page as staff_page
from tests.integration.intake.test_details import HTML, moved, opened, owned

SESSION = "S" * 24


async def leave_of(harness: IntakeHarness, report_id: str, **more: Any) -> tuple[str, str]:
    """Open the details; the page, and the leave to write that it carries."""
    ticket = harness.people.ticket(report_id, "busan", subject="s-1", session=SESSION, purpose=Purpose.MESSAGE, **more)
    page = (await opened(harness, ticket)).text
    found = re.search(r'name="leave" value="([^"]+)"', page)
    assert found, page
    return page, found[1]


async def write(
    harness: IntakeHarness,
    what: str,
    report_id: str,
    leave: str,
    text: str = "괜찮은 때에 다시 적어 주세요.",
    key: str = "",
    reader: str = "",
    marked: str = "yes",
    **who: Any,
) -> httpx.Response:
    given = {"organisation": "busan", "role": "counsellor", "subject": "s-1", "session": SESSION} | who
    cookies = harness.people.cookie(
        given["organisation"], given["role"], subject=given["subject"], session=given["session"]
    )
    headers = {**HTML, "Sec-Fetch-Site": "same-origin", "Cookie": "; ".join(f"{n}={v}" for n, v in cookies.items())}
    form = {"leave": leave, "text": text, "idempotency_key": key, "reader": reader, "marked": marked}
    return await harness.http.post(f"/details/{report_id}/{what}", data=form, headers=headers)


async def answers(someone: Holder, **more: str) -> httpx.Response:
    return await someone.post("answers", **more)


async def test_an_answer_reaches_the_holder_and_nobody_else_reads_it(harness: IntakeHarness) -> None:
    someone = await holder(harness, word="초록 우산")
    await assigned(someone, "busan", seen=True)
    await someone.done("messages", text="언제 전화하세요?", word="초록 우산")
    page, leave = await leave_of(harness, someone.report_id)
    assert "언제 전화하세요?" in page
    secret = "토요일 저녁에 이 번호로 다시 볼게요."
    assert (await write(harness, "answer", someone.report_id, leave, secret)).status_code == 200
    stored = await someone.stored()
    assert secret not in str(stored)
    told = await harness.status(someone.receipt)
    assert (told["answers"], told["answers_unread"]) == (1, 1)
    assert (await answers(someone)).status_code == 404, "the word is needed"
    read = await answers(someone, word="초록 우산")
    assert [one["text"] for one in read.json()["answers"]] == [secret]
    assert (await harness.status(someone.receipt))["answers_unread"] == 0
    page, _ = await leave_of(harness, someone.report_id)
    assert secret in page
    assert "not read yet" not in page
    lines = await audit_of(harness, someone.report_id)
    assert ("details.answer", "done", "answer") in lines
    assert any(action == "receipts.answers" and outcome == "done" for action, outcome, _ in lines)


async def test_a_note_is_for_the_centre_alone(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    await assigned(someone, "busan", seen=True)
    _, leave = await leave_of(harness, someone.report_id)
    kept = await write(harness, "note", someone.report_id, leave, "오후에만 통화")
    assert kept.status_code == 200
    assert ">Sign in<" not in kept.text
    assert "오후에만 통화" not in str(await someone.stored())
    page, _ = await leave_of(harness, someone.report_id)
    assert "오후에만 통화" in page
    assert "answers" not in await harness.status(someone.receipt)


@pytest.mark.parametrize("what", ["answer", "note"])
async def test_a_refused_text_stands_in_the_form_again_for_whoever_wrote_it(harness: IntakeHarness, what: str) -> None:
    someone = await holder(harness)
    await assigned(someone, "busan", seen=True)
    await someone.done("messages", text="언제 전화하세요?")
    _, leave = await leave_of(harness, someone.report_id)
    refused = await write(harness, what, someone.report_id, leave, "주민번호는 900101-1234567</textarea>")
    assert refused.status_code == 422
    form = re.search(
        rf'<form method="post" action="(/details/{someone.report_id}/{what})".*?</form>', refused.text, re.DOTALL
    )
    assert form is not None, refused.text
    assert ">주민번호는 900101-1234567&lt;/textarea&gt;</textarea>" in form[0]
    assert f'<input type="hidden" name="leave" value="{leave}">' in form[0]
    assert 'aria-describedby="text-error"' in form[0]
    assert '<a href="#text">' in refused.text
    assert "hreflang=" not in refused.text, "in the other language it would be gone"
    assert "900101" not in str(await someone.stored())
    assert (await write(harness, what, someone.report_id, leave, "주민번호 없이")).status_code == 200


def key_in(page: str) -> str:
    found = re.search(r'name="idempotency_key" value="([^"]{32})"', page)
    assert found, page
    return found[1]


@pytest.mark.parametrize(("what", "entries"), [("answer", "replies"), ("note", "notes")])
async def test_a_form_that_is_sent_twice_is_written_once(harness: IntakeHarness, what: str, entries: str) -> None:
    someone = await holder(harness)
    await assigned(someone, "busan", seen=True)
    await someone.done("messages", text="언제 전화하세요?")
    page, leave = await leave_of(harness, someone.report_id)
    key = key_in(page)
    first, again = [await write(harness, what, someone.report_id, leave, "토요일에", key) for _ in range(2)]
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.text.split("<main")[1] == again.text.split("<main")[1]
    assert len((await someone.stored())[entries]) == 1
    lines = await audit_of(harness, someone.report_id)
    assert [line[:2] for line in lines].count((f"details.{what}", "done")) == 1
    other = await write(harness, what, someone.report_id, leave, "일요일에", key)
    assert (other.status_code, "Another text that you sent" in other.text) == (409, True)
    assert ">일요일에</textarea>" in other.text
    assert key_in(other.text) != key
    meant = await write(harness, what, someone.report_id, leave, "일요일에", key_in(other.text))
    assert meant.status_code == 200
    assert len((await someone.stored())[entries]) == 2


@pytest.mark.parametrize("language", ["ko", "en"])
async def test_whose_answer_was_stored_but_not_confirmed_is_not_told_that_nothing_was_changed(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    someone = await holder(harness)
    await assigned(someone, "busan", seen=True)
    await someone.done("messages", text="언제 전화하세요?")
    page, leave = await leave_of(harness, someone.report_id)
    key, reports = key_in(page), harness.intake.reports
    write_through = reports.write

    async def reply_lost(*given: Any, **more: Any) -> None:
        await write_through(*given, **more)
        raise TransientError("store: the reply was lost")

    with monkeypatch.context() as patch:
        patch.setattr(reports, "write", reply_lost)
        lost = await write(harness, f"answer?lang={language}", someone.report_id, leave, "토요일에", key)
    said = {"ko": "저장되었는지 알 수 없습니다. 먼저 확인", "en": "we do not know whether it was kept; look before"}
    heading = {"ko": "답장이 남았는지 알 수 없습니다.", "en": "We do not know whether the answer was left."}
    assert lost.status_code == 503
    assert said[language] in lost.text
    assert f"<h1>{heading[language]}</h1>" in lost.text
    assert key_in(lost.text) == key
    assert (await write(harness, "answer", someone.report_id, leave, "토요일에", key)).status_code == 200
    assert len((await someone.stored())["replies"]) == 1


async def test_a_holder_whose_message_was_stored_but_not_confirmed_is_not_told_that_nothing_was_changed(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    someone = await holder(harness)
    write_through = harness.intake.reports.write

    async def reply_lost(*given: Any, **more: Any) -> None:
        await write_through(*given, **more)
        raise TransientError("store: the reply was lost")

    monkeypatch.setattr(harness.intake.reports, "write", reply_lost)
    lost = await someone.post("messages", text="언제 전화하세요?")
    assert (lost.status_code, lost.json()["code"]) == (503, "unavailable")
    assert lost.json()["detail"].startswith("지금은 처리되었는지 확인할 수 없어요. 신고는 안전하게 보관되어 있어요.")


async def test_a_receipt_that_cannot_be_looked_up_is_not_said_to_be_their_own_report(
    harness: IntakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise TransientError("store: gone")

    cookies = harness.people.cookie("busan", "counsellor", subject="s-away")
    headers = {**HTML, "Sec-Fetch-Site": "same-origin", "Cookie": "; ".join(f"{n}={v}" for n, v in cookies.items())}
    monkeypatch.setattr(harness.intake.reports, "of_receipt", away)
    lost = await harness.http.post("/find", data={"receipt": "1234567812345678"}, headers=headers)
    assert lost.status_code == 503
    assert "Your report is safe" not in lost.text
    assert "look before you send it again" in lost.text


@pytest.mark.parametrize("what", ["answer", "note"])
async def test_a_text_whose_session_ended_is_given_back_to_copy_since_no_other_session_may_send_it(
    harness: IntakeHarness, what: str
) -> None:
    report_id = await owned(harness)
    _, leave = await leave_of(harness, report_id)
    form = {"leave": leave, "idempotency_key": "k_-" + "A9z" * 9 + "xy", "text": "<오후에만>"}
    headers = {**HTML, "Sec-Fetch-Site": "same-origin"}
    ended = await harness.http.post(f"/details/{report_id}/{what}", data=form, headers=headers)
    assert ended.status_code == 401
    assert " readonly>&lt;오후에만&gt;</textarea>" in ended.text
    assert "open the details again from the case" in ended.text
    assert leave not in ended.text
    anew = await write(harness, what, report_id, leave, form["text"], session="T" * 24)
    assert anew.status_code == 409
    assert "you have signed in again since" in anew.text
    assert "&lt;오후에만&gt;" in anew.text


async def test_who_may_not_write_writes_nothing(harness: IntakeHarness) -> None:
    report_id = await owned(harness)
    _, leave = await leave_of(harness, report_id)
    refused = {
        403: [{"organisation": "jeju"}, {"role": "operator"}],
        409: [{"subject": "s-2"}, {"session": "T" * 24}],
    }
    for status, people in refused.items():
        for who in people:
            assert (await write(harness, "note", report_id, leave, **who)).status_code == status, who
    ownership, until, mark = leave.split(".")
    for forged in ("", "1.2.3", f"2.{until}.{mark}", f"{ownership}.{int(until) + 3600}.{mark}"):
        assert (await write(harness, "note", report_id, forged)).status_code == 409, forged
    for text in ("", " ", "가" * 2001, "900101-1234567"):
        assert (await write(harness, "note", report_id, leave, text)).status_code == 422
    over = await write(harness, "note", report_id, "1.2.3", "<오후에만 통화>")
    assert "&lt;오후에만 통화&gt;</p>" in over.text
    assert ">Keep the note</button>" not in over.text
    await moved(harness, report_id, "jeju", 2)
    assert (await write(harness, "note", report_id, leave)).status_code == 403
    stored = await harness.collection.find_one({"_id": report_id})
    assert not stored.get("notes")


async def test_nothing_is_written_about_a_withdrawn_report_or_where_nobody_agreed(harness: IntakeHarness) -> None:
    someone = await holder(harness, contact={"channels": ["phone"], "phone": "010-2468-1357"})
    await assigned(someone, "busan", seen=True)
    page, leave = await leave_of(harness, someone.report_id)
    assert f'action="/details/{someone.report_id}/answer"' not in page
    assert (await write(harness, "answer", someone.report_id, leave)).status_code == 409
    await someone.done("messages", text="a question")
    assert (await write(harness, "answer", someone.report_id, leave)).status_code == 200
    await someone.done("withdraw")
    for what in ("answer", "note"):
        assert (await write(harness, what, someone.report_id, leave)).status_code == 410
    assert (await answers(someone)).status_code in {409, 410}


@pytest.mark.parametrize(("organisation", "status"), [("busan", 303), ("jeju", 404)])
async def test_a_receipt_leads_staff_of_the_owning_centre_to_its_case(
    harness: IntakeHarness, organisation: str, status: int
) -> None:
    someone = await holder(harness)
    await assigned(someone, "busan", seen=True)
    cookies = harness.people.cookie(organisation, "counsellor")
    headers = {"Sec-Fetch-Site": "same-origin", "Cookie": "; ".join(f"{n}={v}" for n, v in cookies.items())}
    came = await harness.http.post("/find", data={"receipt": someone.receipt}, headers=headers)
    assert came.status_code == status
    if status == 303:
        assert came.headers["location"].endswith(f"/cases/{someone.report_id}")
        assert someone.receipt not in came.headers["location"]
    outcome = "done" if status == 303 else "refused"
    assert any(line[:2] == ("cases.find", outcome) for line in await audit_of(harness, someone.report_id))


async def test_whoever_tries_many_receipts_is_slowed_down(harness: IntakeHarness) -> None:
    cookies = harness.people.cookie("busan", "counsellor", subject="s-guess")
    headers = {"Sec-Fetch-Site": "same-origin", "Cookie": "; ".join(f"{n}={v}" for n, v in cookies.items())}
    came = [
        (await harness.http.post("/find", data={"receipt": f"{n:016d}"}, headers=headers)).status_code
        for n in range(12)
    ]
    assert came == [404] * 10 + [429] * 2


async def test_whoever_tries_many_receipts_at_once_tries_no_more_than_one_after_the_other(
    harness: IntakeHarness,
) -> None:
    cookies = harness.people.cookie("busan", "counsellor", subject="s-burst")
    headers = {"Sec-Fetch-Site": "same-origin", "Cookie": "; ".join(f"{n}={v}" for n, v in cookies.items())}
    came = await asyncio.gather(
        *(harness.http.post("/find", data={"receipt": f"{n:016d}"}, headers=headers) for n in range(30))
    )
    assert sorted(one.status_code for one in came) == [404] * 10 + [429] * 20


async def test_who_took_a_report_over_is_answered_anew_and_reads_no_answer_to_whoever_reported(
    harness: IntakeHarness,
) -> None:
    theirs = await holder(harness, role="representative")
    await assigned(theirs, "busan", seen=True)
    await theirs.done("messages", text="제 이야기예요.")
    _, leave = await leave_of(harness, theirs.report_id)
    to_reporter = await write(harness, "answer", theirs.report_id, leave, "신고하신 분께", reader="not_confirmed")
    assert to_reporter.status_code == 200
    body = {"code": (await theirs.done("hand-over"))["code"], "i_am_the_person": True}
    taken = await harness.http.post("/api/v1/receipts/take-over", json=body, headers=harness.headers())
    own = Holder(harness, {"report_id": theirs.report_id, "receipt": taken.json()["receipt"]})
    to = f"/details/{own.report_id}/confirm"
    assert (await staff_page(harness, "busan", "counsellor", form={"way": "phone"}, to=to)).status_code == 200
    told = await harness.status(own.receipt)
    assert (told.get("limited"), "answers" in told) == (None, False)
    assert (await answers(own)).json()["answers"] == []
    shown, leave = await leave_of(harness, own.report_id)
    assert f'action="/details/{own.report_id}/answer"' not in shown, "they neither wrote here nor agreed to it"
    assert (await write(harness, "answer", own.report_id, leave)).status_code == 409
    await own.done("messages", text="저예요.")
    assert (await write(harness, "answer", own.report_id, leave, "본인께")).status_code == 200
    told = await harness.status(own.receipt)
    assert (told["answers"], told["answers_unread"]) == (1, 1)
    assert [one["text"] for one in (await answers(own)).json()["answers"]] == ["본인께"]
    assert (await harness.status(own.receipt))["answers_unread"] == 0
    shown, _ = await leave_of(harness, own.report_id)
    assert shown.count("the person concerned does not see it") == 1, (
        "what the person never saw does not stand there as read"
    )


HERE = "Only here, with my receipt number"
OF_REPORTER = "It tells nothing about the person harmed"


async def sent_by(harness: IntakeHarness, role: str) -> tuple[Holder, str, str]:
    """Report by the form's pages and ask to be answered only here; the contact page and the receipt's."""
    harness.http.cookies.clear()
    for slug, answer in (
        ("who", {"role": role}),
        ("what", {"harm_types": "distribution"}),
        ("place", {"division": "busan"}),
    ):
        assert (await harness.http.post(f"/form/{slug}", data={"go": "next", **answer})).status_code == 303
    choice = (await harness.http.get("/form/contact?lang=en")).text
    await harness.http.post("/form/contact", data={"go": "next", "contact_channels": "message_here"})
    check = (await harness.http.get("/form/check?lang=en")).text
    form = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', check))
    page = await harness.http.post("/?lang=en", data={**form, "consents": "personal"}, follow_redirects=True)
    number = "-".join(re.findall(r"<span>(\d{4})</span>", page.text))
    [stored] = await harness.collection.find({}).to_list(None)
    return Holder(harness, {"report_id": stored["_id"], "receipt": number}), choice, page.text


async def read_by(someone: Holder) -> tuple[str, str]:
    """What whoever holds the receipt sees: the status page and the answers."""
    form = {"receipt": someone.receipt}
    status = await someone.harness.http.post("/status?lang=en", data=form)
    shown = await someone.harness.http.post("/status/answers?lang=en", data={**form, "step": "do"})
    assert (status.status_code, shown.status_code) == (200, 200)
    return status.text, shown.text


@pytest.mark.parametrize(
    ("role", "reader"), [("victim", ""), ("representative", "not_confirmed"), ("third_party", "tip")]
)
async def test_who_chose_to_be_answered_only_here_reads_the_answer_whatever_their_role(
    harness: IntakeHarness, role: str, reader: str
) -> None:
    someone, choice, receipt = await sent_by(harness, role)
    assert HERE in choice
    assert (OF_REPORTER in choice) is bool(reader)
    assert (OF_REPORTER in receipt) is bool(reader)
    await assigned(someone, "busan", seen=True)
    details, leave = await leave_of(harness, someone.report_id)
    assert f'action="/details/{someone.report_id}/answer"' in details
    before = details.partition("<textarea")[0]
    assert ("The receipt belongs to the person who" in before) is bool(reader), "warned before they write"
    assert re.findall(r'name="reader" value="(\w*)"', details) == [reader]
    assert ('name="marked"' in details) is bool(reader)
    if reader:
        unmarked = await write(harness, "answer", someone.report_id, leave, "<토요일에>", reader=reader, marked="")
        assert (unmarked.status_code, "Nothing was kept." in unmarked.text) == (422, True)
        assert f'<input type="hidden" name="reader" value="{reader}">' in unmarked.text
        assert 'name="marked"' in unmarked.text
        assert ">&lt;토요일에&gt;</textarea>" in unmarked.text
    kept = await write(harness, "answer", someone.report_id, leave, "토요일에 다시 볼게요.", reader=reader)
    assert kept.status_code == 200
    assert ("the person harmed does not" in kept.text) is bool(reader)
    told = await harness.status(someone.receipt)
    assert (told["answers"], told["answers_unread"], told.get("limited")) == (1, 1, True if reader else None)
    status, shown = await read_by(someone)
    assert 'action="/status/answers?lang=en"' in status
    assert ("answers that the centre leaves for you" in status) is bool(reader)
    assert "토요일에 다시 볼게요." in shown
    assert "not read yet" not in (await leave_of(harness, someone.report_id))[0]


async def test_an_answer_is_shown_to_nobody_but_whom_it_was_written_for(harness: IntakeHarness) -> None:
    theirs = await holder(harness, role="representative", contact={"channels": ["message_here"]})
    await assigned(theirs, "busan", seen=True)
    _, leave = await leave_of(harness, theirs.report_id)
    assert (
        await write(harness, "answer", theirs.report_id, leave, "신고하신 분께", reader="not_confirmed")
    ).status_code == 200
    body = {"code": (await theirs.done("hand-over"))["code"], "i_am_the_person": True}
    taken = await harness.http.post("/api/v1/receipts/take-over", json=body, headers=harness.headers())
    own = Holder(harness, {"report_id": theirs.report_id, "receipt": taken.json()["receipt"]})
    await own.done("messages", text="저예요.")
    assert "answers" not in await harness.status(own.receipt)
    late = await write(harness, "answer", own.report_id, leave, "신고하신 분께", reader="not_confirmed")
    assert (late.status_code, "Somebody else reads the answer now" in late.text) == (409, True)
    details, leave = await leave_of(harness, own.report_id)
    assert "Nobody knows yet whether whoever took the report over is the person harmed" in details
    assert (
        await write(harness, "answer", own.report_id, leave, "넘겨받은 분께", reader="taken_over")
    ).status_code == 200
    status, shown = await read_by(own)
    assert "answers that the centre leaves for you" in status
    assert "넘겨받은 분께" in shown
    assert "신고하신 분께" not in shown
    to = f"/details/{own.report_id}/confirm"
    assert (await staff_page(harness, "busan", "counsellor", form={"way": "phone"}, to=to)).status_code == 200
    _, leave = await leave_of(harness, own.report_id)
    assert (await write(harness, "answer", own.report_id, leave, "본인께")).status_code == 200
    assert [one["text"] for one in (await answers(own)).json()["answers"]] == ["넘겨받은 분께", "본인께"]
