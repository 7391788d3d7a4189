"""The pages of whoever holds a receipt: each action has one, no address ever holds the receipt, nothing is lost."""

import asyncio
import re

import httpx
import pytest

from services.intake.receipts.pages import ACTIONS
from services.intake.reports import documents
from services.intake.reports.receipt_numbers import from_number
from shared.encryption import Keyring
from shared.settings import KafkaSettings, StoreSettings
from tests.integration.intake.harness import IntakeHarness, running
from tests.integration.intake.holding import Holder, erased, holder, owned


async def press(someone: Holder, action: str, *, step: str = "do", **fields: str) -> httpx.Response:
    """Send one form of these pages; whatever it answers, no address and no header may hold the receipt."""
    path = f"/status/{action}" if action else "/status"
    form = {"receipt": someone.receipt, "step": step, **fields}
    answer = await someone.harness.http.post(f"{path}?lang=en", data=form)
    digits = someone.receipt.replace("-", "")
    outside = f"{answer.headers} {re.findall(r'(?:href|action|src)=.([^ >]*)', answer.text)}"
    assert someone.receipt not in outside
    assert digits not in outside
    assert answer.headers["cache-control"] == "no-store"
    return answer


async def test_every_action_has_its_page_and_asks_before_it_does(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    shown = await press(someone, "", step="")
    for action in ("message", "add", "contact", "word", "withdraw"):
        assert f'action="/status/{action}?lang=en"' in shown.text
    for action in ACTIONS:
        page = await press(someone, action, step="ask")
        assert page.status_code == 200
        assert f'name="receipt" value="{someone.receipt}"' in page.text
        assert "quick-exit" in page.text
        again = await harness.http.get(f"/status/{action}")
        assert (again.status_code, again.headers["location"]) == (303, "/status")
    assert (await press(someone, "nothing")).status_code == 404
    assert (await someone.stored())["intake_version"] == 1


async def test_who_asks_for_the_status_without_a_number_is_asked_for_it(harness: IntakeHarness) -> None:
    asked = await harness.http.post("/status?lang=en", data={"receipt": " "})
    assert asked.status_code == 422
    assert asked.text.count("Enter the 16 digits of your receipt number.") == 3, (
        "said by the page, and by the error twice"
    )
    assert "No report has this receipt number" not in asked.text


async def test_a_message_and_an_addition_are_left_without_script_and_only_once(harness: IntakeHarness) -> None:
    someone, key = await holder(harness), "k" * 32
    for _ in range(2):
        said = await press(someone, "message", text="a\r\nb", idempotency_key=key)
        assert "Your message is with the centre." in said.text
    added = await press(someone, "add", narrative="more", urls="https://a.example\nhttps://b.example")
    assert "What you added is with the centre." in added.text
    opened = documents.opened(await someone.stored(), Keyring([b"m" * 32]))
    assert (opened["message:1"], opened["narrative:3"]) == ("a\nb", "more")
    assert opened["urls:3"] == ["https://a.example", "https://b.example"]
    assert "message:2" not in opened


async def test_how_to_be_reached_is_changed_and_what_was_there_is_neither_shown_nor_used(
    harness: IntakeHarness,
) -> None:
    someone = await holder(harness, contact={"channels": ["phone"], "phone": "010-1111-2222", "not_safe": "evenings"})
    page = await press(someone, "contact", step="ask")
    assert not {"010-1111-2222", "evenings"} & set(re.findall(r'value="([^"]*)"', page.text))
    missing = await press(someone, "contact", contact_channels="email", hours="kept as typed")
    assert (missing.status_code, 'href="#email"' in missing.text, "kept as typed" in missing.text) == (422, True, True)
    done = await press(
        someone, "contact", contact_channels="email", email="a@b.example", may_say="nothing", center_codeword="rain"
    )
    assert "only what you chose just now" in done.text
    opened = documents.opened(await someone.stored(), Keyring([b"m" * 32]))
    assert opened["contact:2"] == {
        "channels": ["email"],
        "email": "a@b.example",
        "may_say": "nothing",
        "center_codeword": "rain",
    }
    await press(someone, "contact", idempotency_key="n" * 32)
    stopped = documents.opened(await someone.stored(), Keyring([b"m" * 32]))
    assert not stopped["contact:3"].get("channels")


async def test_what_was_typed_is_kept_when_it_must_be_corrected(harness: IntakeHarness) -> None:
    someone = await holder(harness, word="umbrella")
    empty = await press(someone, "message", text=" ", word="umbrella")
    assert (empty.status_code, "Write your message." in empty.text) == (422, True)
    wrong = await press(someone, "message", text="a long story", word="rain coat")
    nobody = Holder(harness, {"report_id": "", "receipt": from_number(77)})
    stranger = await press(nobody, "message", text="a long story", word="rain coat")
    assert wrong.status_code == stranger.status_code == 404
    assert "a long story" in wrong.text
    assert "rain coat" not in wrong.text
    assert _told(wrong, someone) == _told(stranger, nobody)
    links = await press(someone, "add", urls="ftp://no.example", word="umbrella")
    assert (links.status_code, "ftp://no.example" in links.text) == (422, True)
    nothing = await press(someone, "add", word="umbrella")
    assert nothing.status_code == 422
    short = await press(someone, "word", new_word="abc", word="umbrella")
    assert (short.status_code, "at least 4" in short.text) == (422, True)


async def test_taking_back_undoing_and_the_second_question(harness: IntakeHarness) -> None:
    someone = await holder(harness)
    await owned(someone, seen=True)
    gone = await press(someone, "withdraw")
    assert "You can undo this until" in gone.text
    assert 'action="/status/message' not in gone.text
    assert 'action="/status/undo' in gone.text
    back = await press(someone, "undo")
    assert "Your report is open again." in back.text
    await press(someone, "withdraw")
    not_ticked = await press(someone, "destroy")
    assert (not_ticked.status_code, 'href="#understood"' in not_ticked.text) == (422, True)
    assert "Say that you understand this, or go back without doing it." in not_ticked.text
    assert not await erased(someone)
    waits = await press(someone, "destroy", understood="yes")
    assert "Your report will be destroyed at the time shown below." in waits.text
    assert "somebody asked to destroy this report for ever." in (await press(someone, "", step="")).text
    assert ' action="/status/destroy' not in waits.text
    assert "destroy" not in (await press(someone, "undo")).text


async def test_with_a_word_set_with_the_report_it_is_destroyed_at_once(harness: IntakeHarness) -> None:
    someone = await holder(harness, word="umbrella")
    await press(someone, "withdraw", word="umbrella")
    done = await press(someone, "destroy", understood="yes", word="umbrella")
    assert "As you asked, your report was destroyed for ever." in done.text
    assert "The report was destroyed." in done.text
    assert await erased(someone)
    assert 'action="/status/undo' not in done.text
    after = await press(someone, "message", text="x")
    assert (after.status_code, "This report was destroyed." in after.text) == (410, True)


async def test_a_special_report_offers_no_destruction(harness: IntakeHarness) -> None:
    someone = await holder(harness, age_band="under_14")
    gone = await press(someone, "withdraw")
    assert "the lead of the centre decides" in gone.text
    assert 'action="/status/destroy' not in gone.text
    assert 'action="/status/undo' in gone.text


async def test_a_representative_sees_neither_centre_nor_messages(harness: IntakeHarness) -> None:
    someone = await holder(harness, role="representative")
    await owned(someone, "busan", seen=True)
    shown = await press(someone, "message", text="hello")
    assert "Someone else made this report" in shown.text
    assert "A person at the centre has seen that your report is there." in shown.text
    assert "Busan" not in shown.text
    assert "You left" not in shown.text


async def test_a_word_can_be_set_on_the_form_and_on_its_page(harness: IntakeHarness) -> None:
    page = await harness.http.get("/all?lang=en")
    key = page.text.split('name="idempotency_key" value="')[1].split('"')[0]
    form = {"idempotency_key": key, "role": "victim", "harm_types": "other", "word": "umbrella"}
    answer = await harness.http.post("/?lang=en", data=form)
    receipt = "".join(re.findall(r"<span>(\d{4})</span>", answer.text))
    [stored] = await harness.collection.find({}).to_list(None)
    assert stored["word"].startswith("$argon2id$")
    someone = Holder(harness, {"report_id": stored["_id"], "receipt": receipt})
    assert (await press(someone, "message", text="x")).status_code == 404
    assert (await press(someone, "word", word="umbrella", new_word="rain coat")).status_code == 200
    assert (await press(someone, "message", text="x", word="rain coat")).status_code == 200


@pytest.mark.own_service
async def test_reports_with_a_word_are_limited_by_network_and_those_without_are_not(harness: IntakeHarness) -> None:
    form = {"role": "victim", "harm_types": "other", "narrative": "kept as typed"}

    async def with_a_word() -> httpx.Response:
        return await harness.http.post("/?lang=en", data={**form, "word": "umbrella"})

    assert {(await with_a_word()).status_code for _ in range(10)} == {200}
    # All at once: while they are asked for one by one a busy machine would let another minute's go by.
    refused = next(answer for answer in await asyncio.gather(*(with_a_word() for _ in range(40))) if answer.is_error)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 6
    assert "kept as typed" in refused.text
    assert "leave the word empty" in refused.text
    assert (await harness.http.post("/?lang=en", data=form)).status_code == 200


async def test_a_word_typed_on_the_last_page_is_still_there_when_the_form_comes_back(harness: IntakeHarness) -> None:
    form = {"role": "victim", "harm_types": "other", "word": "umbrella", "page": "check"}
    for again in ({"go": "stay"}, {"narrative": "900101-1234567"}):
        page = await harness.http.post("/?lang=en", data={**form, **again})
        assert 'value="umbrella"' in page.text, again
        assert re.search(r"<details[^>]* open>\s*<summary>If somebody else could see", page.text), again
    taking = await harness.http.post("/take-over?lang=en", data={"code": "1", "word": "umbrella"})
    assert (taking.status_code, 'value="umbrella"' in taking.text) == (404, True)


async def test_a_word_can_be_typed_in_korean_and_no_browser_offers_to_keep_it(harness: IntakeHarness) -> None:
    # Chromium has no input method in a field of type password, and takes the text before it for the name of a user.
    someone = await holder(harness, word="우산 하나", word_for_status=True)
    pages = [
        await press(someone, "", step="", word="우산 하나"),
        *[await press(someone, action, step="ask") for action in ("message", "word")],
        *[await harness.http.get(f"{path}?lang=en") for path in ("/all", "/status", "/take-over")],
    ]
    for page in pages:
        fields = re.findall(r'<input id="(?:new_)?word"[^>]*>', page.text)
        assert fields, page.request.url
        assert all('type="text"' in one and 'autocomplete="off"' in one for one in fields)
        assert "spellcheck" in page.text


async def test_all_that_the_form_promises_to_take_is_taken(harness: IntakeHarness) -> None:
    links = [f"https://example.com/{number:02}/{'%EA%B0%80' * 200}" for number in range(20)]
    form = {"role": "victim", "harm_types": "other", "narrative": "가" * 4000, "urls": "\n".join(links)}
    sent = await harness.http.post("/?lang=en", data=form)
    assert sent.status_code == 200, sent.text[:500]
    [stored] = await harness.collection.find({}).to_list(None)
    opened = documents.opened(stored, Keyring([b"m" * 32]))
    assert (opened["narrative"], opened["urls"]) == (form["narrative"], links)


@pytest.mark.parametrize("way", [{"phone": "010-0000-0000"}, {"email": "a@b.example"}])
async def test_a_number_or_address_is_not_taken_without_a_way_to_use_it(
    harness: IntakeHarness, way: dict[str, str]
) -> None:
    sent = await harness.http.post("/?lang=en", data={"role": "victim", "harm_types": "other", **way})
    assert (sent.status_code, 'href="#contact_channels"' in sent.text) == (422, True)
    assert await harness.collection.count_documents({}) == 0
    someone = await holder(harness, contact={"channels": ["phone"], "phone": "010-1111-2222"})
    changed = await press(someone, "contact", **way)
    assert (changed.status_code, 'href="#contact_channels"' in changed.text) == (422, True)
    assert (await someone.stored())["intake_version"] == 1
    assert (await press(someone, "contact", contact_channels="message_here", **way)).status_code == 200


async def test_the_other_language_loses_no_number_and_nothing_typed(harness: IntakeHarness) -> None:
    sent = await harness.http.post("/?lang=en", data={"role": "victim", "harm_types": "other"})
    someone = await holder(harness, role="representative")
    code = await press(someone, "hand-over")
    shown = "".join(re.findall(r"<span>([0-9]{4})</span>", code.text))
    taken = await harness.http.post("/take-over?lang=en", data={"code": shown, "i_am_the_person": "yes"})
    for page in (sent, code, taken):  # of the first: a browser that takes no cookies
        assert "receipt-code" in page.text
        assert "lang=ko" not in page.text, "nothing leads away from what is shown once"
    another = await holder(harness)
    typed = await another.harness.http.post(
        "/status/message?lang=ko",
        data={"receipt": another.receipt, "step": "do", "text": "a long story", "go": "stay"},
    )
    assert ("a long story" in typed.text, another.receipt in typed.text) == (True, True)
    assert "센터에 메시지 남기기" in typed.text
    for action in ACTIONS:
        page = await press(another, action, step="ask")
        form = re.findall(r'<button class="link" type="submit" form="([a-z]+)" formaction', page.text)[0]
        sends = page.text.split(f'<form id="{form}"')[1].split("</form>")[0]
        types = "<textarea" in sends or 'type="radio"' in sends or 'name="new_word"' in sends
        assert types or 'name="step" value="ask"' in sends, f"the other language of {action} may not do it"
    standing = await press(another, "message", text="a long story")
    assert 'formaction="/status/message?lang=ko"' in standing.text
    other = await another.harness.http.post(
        "/status/message?lang=ko", data={"receipt": another.receipt, "step": "status", "go": "stay"}
    )
    assert ("신고" in other.text, "lang=en" in other.text, 'name="text"' in other.text) == (True, True, False)
    code_typed = await harness.http.post("/take-over?lang=ko", data={"code": "1234", "word": "우산", "go": "stay"})
    assert (code_typed.status_code, 'value="1234"' in code_typed.text) == (200, True)
    words = {"receipt": another.receipt, "step": "do", "new_word": "초록 우산", "word": "파란 우산", "go": "stay"}
    new_word = await harness.http.post("/status/word?lang=en", data=words)
    assert ('value="초록 우산"' in new_word.text, 'value="파란 우산"' in new_word.text) == (True, True)


async def test_what_is_sent_from_a_page_that_was_sent_before_is_taken_at_the_second_press(
    harness: IntakeHarness,
) -> None:
    someone = await holder(harness, word="umbrella")
    await press(someone, "message", text="first", word="umbrella", idempotency_key="k" * 32)
    again = await press(someone, "message", text="second", word="umbrella", idempotency_key="k" * 32)
    assert again.status_code == 409
    assert ("has arrived" in again.text, 'value="umbrella"' in again.text) == (True, True)
    assert ("Idempotency-Key" in again.text, ">second</textarea>" in again.text) == (False, True)
    key = re.findall(r'name="idempotency_key" value="([^"]*)"', again.text)[0]
    assert (await press(someone, "message", text="second", word="umbrella", idempotency_key=key)).status_code == 200
    opened = documents.opened(await someone.stored(), Keyring([b"m" * 32]))
    assert (opened["message:1"], opened["message:2"]) == ("first", "second")


async def test_a_message_that_arrived_is_said_to_have_although_the_status_cannot_be_shown(
    bus_settings: KafkaSettings, store_settings: StoreSettings
) -> None:
    async with running(bus_settings, store_settings, status_questions_per_minute=1) as harness:
        someone = await holder(harness)
        left = await press(someone, "message", text="hello")
        assert left.status_code == 429, "asking how the report stands was one question too many"
        assert "Your message is with the centre." in left.text


def _told(page: httpx.Response, someone: Holder) -> str:
    """A page without what is its own: receipt, random key."""
    return re.sub(r'name="idempotency_key" value="[^"]*"', "", page.text.replace(someone.receipt, ""))
