"""The mailbox: keeps the last mails, shows them safely in both languages, gives them as JSON."""

import base64
from datetime import UTC, datetime
from email.message import EmailMessage

from standardwebhooks import Webhook
from starlette.testclient import TestClient

from tools.local.hook_sink import HookSink
from tools.local.mailbox import Mailbox, create_app, page

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
KEY = base64.b64encode(b"k" * 32).decode()


def mail(subject: str, text: str = "본문") -> bytes:
    message = EmailMessage()
    message["Subject"], message["Message-ID"] = subject, "<1@ieum.example>"
    message.set_content(text)
    return message.as_bytes()


def filled(count: int, kept: int = 100) -> Mailbox:
    box = Mailbox(kept)
    for number in range(1, count + 1):
        box.add("from@ieum.example", [f"c{number % 2}@ieum.example"], mail(f"신고 {number}"), NOW)
    return box


def opened(box: Mailbox, host: str = "127.0.0.1:8026") -> TestClient:
    return TestClient(create_app(box, HookSink(KEY)), base_url=f"http://{host}")


def test_it_keeps_the_last_ones_and_counts_all() -> None:
    box = filled(5, kept=3)
    assert [message.subject for message in box.messages] == ["신고 3", "신고 4", "신고 5"]
    assert box.total == 5


def test_listing_goes_on_from_a_number_and_knows_recipients() -> None:
    client = opened(filled(6))
    found = client.get("/messages", params={"after": 2, "to": "c0@ieum.example"}).json()
    assert [message["number"] for message in found["messages"]] == [4, 6]
    assert found["total"] == 6
    assert client.get("/messages", params={"limit": 1}).json()["messages"][0]["text"].strip() == "본문"


def test_a_listing_that_is_no_number_is_refused() -> None:
    assert opened(Mailbox()).get("/messages?after=x").status_code == 400


def test_what_came_by_mail_is_never_markup() -> None:
    box = Mailbox()
    box.add("a@b.example", ["<i>@c.example"], mail("<script>alert(1)</script>", "<img src=x>"), NOW)
    shown = page(box, "ko")
    for dangerous in ("<script>", "<img", "<i>"):
        assert dangerous not in shown


def test_both_languages() -> None:
    client = opened(filled(1))
    korean = client.get("/", headers={"accept-language": "ko-KR"})
    english = client.get("/?lang=en", headers={"accept-language": "ko-KR"})
    assert 'lang="ko"' in korean.text
    assert "받은 메일" in korean.text
    assert "Received mail" in english.text


def test_strict_headers_fit_the_page() -> None:
    answer = opened(filled(1)).get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"


def test_only_this_machines_own_names_are_answered() -> None:
    box = filled(1)
    for host, status in (("localhost:8026", 200), ("127.0.0.1", 200), ("mail.evil.example", 400)):
        answer = opened(box, host).get("/messages")
        assert answer.status_code == status
        assert ("ieum.example" in answer.text) == (status == 200)


def test_garbage_is_kept_without_harm() -> None:
    message = Mailbox().add("", [], b"\xff\x00 no mail at all", NOW)
    assert (message.subject, message.number) == ("", 1)


def hook(client: TestClient, body: bytes, key: str = KEY, at: datetime | None = None) -> int:
    at = at or datetime.now(UTC)  # once: the next call may be in another second
    signed = Webhook(f"whsec_{key}").sign("msg-1", at, body.decode())
    stamp = str(int(at.timestamp()))
    headers = {"webhook-id": "msg-1", "webhook-timestamp": stamp, "webhook-signature": signed}
    return int(client.post("/hooks/duty", content=body, headers=headers).status_code)


def test_webhooks_are_taken_if_their_signature_fits_and_shown_either_way() -> None:
    client = opened(Mailbox())
    other = base64.b64encode(b"o" * 32).decode()
    assert hook(client, b'{"data": {"alias": "<b>"}, "padding": "xxx"}') == 200
    assert hook(client, b'{"data": {}}', other) == 401
    assert hook(client, b'{"data": {}}', at=NOW) == 401, "an old message is a replay"
    assert hook(client, b"no json") == 400
    listed = client.get("/hooks.json?after=0").json()
    assert next((h["verified"], h["data"]) for h in listed["hooks"]) == (True, {"data": {"alias": "<b>"}})
    assert [h["verified"] for h in listed["hooks"]] == [True, False, False]
    shown = client.get("/hooks?lang=en").text
    assert "signature verified" in shown
    assert "<b>" not in shown
    assert client.get("/hooks.json?after=x").status_code == 400
