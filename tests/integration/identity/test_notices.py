"""People are told by mail of sign-ins from new devices and of changes to their account, whatever dies in between."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from services.identity import cli
from services.identity.accounts.rules import DELAYS, Source
from services.identity.accounts.service import Ready
from services.identity.audit_recorder import Actor
from services.identity.enrolment import service as enrolment
from services.identity.notices.models import KEPT
from services.identity.notices.service import EACH
from shared.errors import TransientError
from shared.identity.roles import StaffRole
from shared.metrics import REGISTRY
from tests.integration.identity.conftest import IdentityHarness, Process, a_key
from tests.integration.identity.test_accounts import SENTENCE
from tests.support.mail import MailSink, mail_sink
from tools.local.ports import free_port

ADMIN = Actor("s-somebody", "central", ("administrator",), "test")
OLD, NEW = "somebody@work.example", "other@work.example"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def sink(port: int) -> Iterator[MailSink]:
    with mail_sink(port) as sink:
        yield sink


@pytest.fixture
async def identity(harness: IdentityHarness, port: int) -> Process:
    return await harness.process(smtp_host="127.0.0.1", smtp_port=port)


async def told_to(identity: Process, http: httpx.AsyncClient, ready: Ready, mail: str) -> httpx.Response:
    """Give an address; in Korean, as a Korean browser does."""
    await identity.clock.advance(30)
    form = {"mail": mail, "current": ready.password, "digits": identity.code(ready)}
    return await http.post("/account/mail?lang=ko", data=form)


async def someone(identity: Process, http: httpx.AsyncClient, mail: str = OLD) -> Ready:
    """Signed in, and told by mail."""
    ready = await identity.person("jeju", "counsellor")
    await identity.enter(http, ready)
    assert (await told_to(identity, http, ready, mail)).headers["location"] == "/account?done=mail"
    return ready


async def delivered(identity: Process, sink: MailSink) -> list[tuple[str, str]]:
    """To whom and of what, since last asked."""
    await identity.clock.advance(5)
    await identity.accounts.notices.deliver()
    found = [(to, str(mail["Subject"])) for to, mail in sink.mails]
    sink.clear()
    return found


async def queue(identity: Process) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = await identity.accounts.notice_store.collection.find({}).to_list(None)
    return found


@pytest.mark.parametrize("kept", ["group:;a@work.example", "a,b@work.example"])
async def test_an_address_of_an_earlier_build_that_is_none_holds_up_no_notice(
    identity: Process, sink: MailSink, monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    async with identity.browser() as http:
        with monkeypatch.context() as earlier:
            earlier.setattr(enrolment, "is_mail_address", lambda _: True)
            await someone(identity, http, kept)
        assert len(await queue(identity)) == 1
        assert await delivered(identity, sink) == []
    assert await queue(identity) == []


async def test_of_what_people_are_told_and_of_what_not(identity: Process, sink: MailSink) -> None:
    async with identity.browser() as http, identity.browser() as strange:
        ready = await someone(identity, http)
        assert 'action="/account/mail"' in (await http.get("/account/mail")).text
        assert await delivered(identity, sink) == [(OLD, "알림을 받을 메일 주소가 변경되었습니다")]
        await identity.clock.advance(30)
        await identity.enter(http, ready)
        assert await delivered(identity, sink) == []
        await identity.clock.advance(30)
        await identity.enter(strange, ready)
        await identity.clock.advance(5)
        await identity.accounts.notices.deliver()
        ((_, mail),) = sink.mails
        body = mail.get_content()
        assert (mail["Subject"], "한국 시간" in body) == ("새로운 기기에서 로그인했습니다", True)
        for known in (ready.account.name, ready.account.subject, "jeju", "제주", "198.51.100"):
            assert known not in f"{body}{mail}"
        sink.clear()
        await identity.clock.advance(30)
        wrong = {"before": "wrong", "code": "000000", "password": SENTENCE, "again": SENTENCE}
        assert (await http.post("/account/password", data=wrong)).status_code == 422
        assert await delivered(identity, sink) == []
        right = {**wrong, "before": ready.password, "code": identity.code(ready)}
        assert (await http.post("/account/password", data=right)).status_code == 303
        assert await delivered(identity, sink) == [(OLD, "비밀번호가 변경되었습니다")]
        administration, store = identity.accounts.administration, identity.accounts.store
        account = await store.get(ready.account.subject)
        assert account is not None
        account = await administration.change_roles(ADMIN, account, {StaffRole.OPERATOR}, "new_work")
        await administration.end_sessions(ADMIN, account)
        account = await store.get(ready.account.subject)
        assert account is not None
        account, _ = await administration.reset(ADMIN, account, "suspicion")
        account = await administration.disable(ADMIN, account, "left")
        await administration.enable(ADMIN, account, "mistake")
        assert [what for _, what in await delivered(identity, sink)] == [
            "관리자가 계정의 역할을 변경했습니다",
            "관리자가 로그인 세션을 끝냈습니다",
            "관리자가 비밀번호와 2차 인증을 초기화했습니다",
            "관리자가 계정을 사용 중지했습니다",
            "관리자가 계정을 다시 사용할 수 있게 했습니다",
        ]
    assert await queue(identity) == []


async def test_a_changed_password_makes_all_browsers_but_its_own_unknown(identity: Process, sink: MailSink) -> None:
    async with identity.browser() as http, identity.browser() as strange:
        ready = await someone(identity, http)
        await identity.clock.advance(30)
        await identity.enter(strange, ready)
        await delivered(identity, sink)
        await identity.clock.advance(30)
        right = {"before": ready.password, "code": identity.code(ready), "password": SENTENCE, "again": SENTENCE}
        assert (await http.post("/account/password", data=right)).status_code == 303
        await delivered(identity, sink)
        await identity.clock.advance(30)
        assert (await identity.enter(http, ready, password=SENTENCE)).status_code == 303
        assert await delivered(identity, sink) == [], "the password was changed in this browser"
        await identity.clock.advance(30)
        assert (await identity.enter(strange, ready, password=SENTENCE)).status_code == 303
        assert await delivered(identity, sink) == [(OLD, "새로운 기기에서 로그인했습니다")]


@pytest.mark.parametrize(
    ("way", "here_known"),
    [
        ("/account/end-everywhere", False),
        ("/api/v1/session/end-everywhere", False),
        ("/account/sessions/end", True),
        ("administrator", False),
    ],
)
async def test_who_ends_all_sessions_is_told_of_the_next_sign_in_from_any_browser(
    identity: Process, sink: MailSink, way: str, here_known: bool
) -> None:
    async with identity.browser() as http, identity.browser() as strange:
        ready = await someone(identity, http)
        await identity.clock.advance(30)
        await identity.enter(strange, ready)
        if way == "administrator":
            account = await identity.accounts.store.get(ready.account.subject)
            assert account is not None
            await identity.accounts.administration.end_sessions(ADMIN, account)
        else:
            assert (await http.post(way)).status_code in {200, 303}
        await delivered(identity, sink)
        for browser, is_known in ((http, here_known), (strange, False)):
            await identity.clock.advance(30)
            assert (await identity.enter(browser, ready)).status_code == 303
            told = [] if is_known else [(OLD, "새로운 기기에서 로그인했습니다")]
            assert await delivered(identity, sink) == told


async def test_who_ends_all_other_sessions_makes_no_browser_known_and_keeps_its_tries(identity: Process) -> None:
    """Else who has the session alone guesses the password without an end, in a browser that is new each time."""
    ready = await identity.person("jeju", "counsellor")
    free = DELAYS[Source.DEVICE].free
    async with identity.browser() as http, identity.browser() as thief:
        await identity.enter(http, ready)
        answers = []
        for _ in range(free + 2):
            assert (await http.post("/account/sessions/end")).status_code == 303
            answers.append((await identity.api_enter(http, ready, password="guess", code="000000")).status_code)
        assert answers == [401] * (free + 1) + [429]
        for cookie in http.cookies.jar:
            if not cookie.name.endswith("ieum_device"):
                thief.cookies.jar.set_cookie(cookie)
        answer = await thief.post("/account/sessions/end")
        assert (answer.status_code, len(answer.cookies)) == (303, 0)


@pytest.mark.parametrize("way", ["/account/end-everywhere", "/account/sessions/end", "administrator"])
async def test_no_session_ends_where_its_browser_cannot_be_forgotten(
    identity: Process, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    ready = await identity.person("jeju", "counsellor")

    async def failed(*_: object) -> None:
        raise TransientError("the store failed")

    async with identity.browser() as http, identity.browser() as other:
        for browser in (http, other):
            await identity.enter(browser, ready)
            await identity.clock.advance(30)
        before = await identity.accounts.sessions.of(ready.account.subject)
        with monkeypatch.context() as patched:
            patched.setattr(identity.accounts.store, "save", failed)
            if way == "administrator":
                with pytest.raises(TransientError):
                    await identity.accounts.administration.end_sessions(ADMIN, ready.account)
            else:
                assert (await http.post(way)).status_code == 503
        assert [one.session for one in await identity.accounts.sessions.of(ready.account.subject)] == [
            one.session for one in before
        ]


async def test_the_end_of_one_session_leaves_browsers_known(identity: Process, sink: MailSink) -> None:
    async with identity.browser() as http:
        ready = await someone(identity, http)
        assert (await http.post("/session/end")).status_code == 303
        await delivered(identity, sink)
        await identity.clock.advance(30)
        assert (await identity.enter(http, ready)).status_code == 303
        assert await delivered(identity, sink) == []


@pytest.mark.parametrize("field", ["changed_at", "changes"])
async def test_nobody_makes_a_browser_known_again_by_writing_the_store(
    identity: Process, sink: MailSink, field: str
) -> None:
    async with identity.browser() as http, identity.browser() as strange:
        ready = await someone(identity, http)
        await identity.clock.advance(30)
        await identity.enter(strange, ready)
        accounts, own = identity.accounts.store.collection, {"_id": ready.account.subject}
        before = await accounts.find_one(own)
        assert before is not None
        await identity.clock.advance(30)
        right = {"before": ready.password, "code": identity.code(ready), "password": SENTENCE, "again": SENTENCE}
        assert (await http.post("/account/password", data=right)).status_code == 303
        await delivered(identity, sink)
        await accounts.update_one(own, {"$set": {field: before[field]}})
        await identity.clock.advance(30)
        entered = await identity.enter(strange, ready, password=SENTENCE)
        # The count is in the seal: an account whose count was set back opens nothing.
        told = [(OLD, "새로운 기기에서 로그인했습니다")]
        assert (entered.status_code, await delivered(identity, sink)) == (
            (303, told) if field == "changed_at" else (401, [])
        )


async def test_new_recovery_codes_and_another_address_make_other_browsers_unknown(
    identity: Process, sink: MailSink
) -> None:
    async with identity.browser() as http, identity.browser() as strange:
        ready = await someone(identity, http)
        for change in ("codes", "mail"):
            await identity.clock.advance(30)
            await identity.enter(strange, ready)
            await identity.clock.advance(30)
            if change == "codes":
                form = {"current": ready.password, "digits": identity.code(ready)}
                assert (await http.post("/account/recovery-codes", data=form)).status_code == 200
            else:
                await told_to(identity, http, ready, NEW)
            await delivered(identity, sink)
            await identity.clock.advance(30)
            assert (await identity.enter(http, ready)).status_code == 303
            assert await delivered(identity, sink) == [], change
            await identity.clock.advance(30)
            assert (await identity.enter(strange, ready)).status_code == 303
            assert [what for _, what in await delivered(identity, sink)] == ["새로운 기기에서 로그인했습니다"], change


async def test_what_waits_under_an_earlier_master_key_is_sent_after_it_is_gone(
    identity: Process, harness: IdentityHarness, port: int, sink: MailSink
) -> None:
    async with identity.browser() as http:
        await someone(identity, http)
    smtp: dict[str, Any] = {"smtp_host": "127.0.0.1", "smtp_port": port}
    old, harness.master_key = harness.master_key, a_key()
    both = await harness.process(retired_master_keys=(old,), **smtp)
    (one,) = await queue(identity)
    later = one | {"_id": "later", "notice": "of_a_later_build"}
    await identity.accounts.notice_store.collection.insert_one(later)
    assert await cli.rewrap(both.accounts) == 4  # an account, its notices, and the signing key
    assert await cli.rewrap(both.accounts) == 0
    alone = await harness.process(**smtp)
    (kept,) = [document for document in await queue(alone) if document["_id"] == "later"]
    assert kept["to"]["key_id"] != later["to"]["key_id"], "that build can still send it"
    assert [to for to, _ in await delivered(alone, sink)] == [OLD]


async def test_who_changes_the_address_turns_no_notice_away(identity: Process, sink: MailSink) -> None:
    async with identity.browser() as http, identity.browser() as strange:
        ready = await someone(identity, http)
        await delivered(identity, sink)
        await identity.clock.advance(30)
        await identity.enter(strange, ready)
        assert (await told_to(identity, strange, ready, "no address")).status_code == 422
        wrong = {"mail": NEW, "current": "wrong", "digits": "000000"}
        assert (await strange.post("/account/mail", data=wrong)).status_code == 422
        await told_to(identity, strange, ready, NEW)
        assert [to for to, _ in await delivered(identity, sink)] == [OLD, OLD, NEW]
        for document in await identity.accounts.store.collection.find({}).to_list(None):
            assert OLD.encode() not in repr(document).encode()
            assert NEW not in repr(document)


async def test_a_notice_survives_a_silent_server_and_a_dead_process(
    harness: IdentityHarness, identity: Process, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with identity.browser() as http:
        await someone(identity, http)
    await identity.clock.advance(5)
    with pytest.raises(TransientError):
        await identity.accounts.notices.deliver()
    (kept,) = await queue(identity)
    assert (kept["tries"], OLD in repr(kept)) == (1, False)
    another = await harness.process(smtp_host="127.0.0.1", smtp_port=port)
    with mail_sink(port) as sink:
        assert await delivered(another, sink) == []  # its turn comes later
        await identity.clock.advance(30)

        async def killed(_: str) -> None:
            raise ConnectionResetError

        with monkeypatch.context() as patched:
            patched.setattr(identity.accounts.notice_store, "remove", killed)
            with pytest.raises(ConnectionResetError):
                await identity.accounts.notices.deliver()
        first = sink.mails[0][1]["Message-ID"]
        await identity.clock.advance(15 * 60)
        await another.accounts.notices.deliver()
        assert [mail["Message-ID"] for _, mail in sink.mails] == [first, first]
    assert await queue(identity) == []


async def test_what_no_server_takes_for_days_is_given_up(identity: Process) -> None:
    async with identity.browser() as http:
        await someone(identity, http)
    await identity.clock.advance(KEPT.total_seconds())
    await identity.accounts.notices.deliver()
    assert await queue(identity) == []


async def test_nobody_fills_a_mailbox_or_hides_a_changed_factor_in_it(identity: Process, sink: MailSink) -> None:
    most = int(EACH.capacity)
    async with identity.browser() as http:
        ready = await someone(identity, http)
        await delivered(identity, sink)
        account = await identity.accounts.store.get(ready.account.subject)
        assert account is not None
        for _ in range(most + 4):
            await identity.accounts.administration.end_sessions(ADMIN, account)
        account = await identity.accounts.store.get(ready.account.subject)
        assert account is not None
        await identity.accounts.administration.change_roles(ADMIN, account, {StaffRole.OPERATOR}, "new_work")
        subjects = [what for _, what in await delivered(identity, sink)]
    assert (len(subjects), subjects[-1]) == (most + 1, "관리자가 계정의 역할을 변경했습니다")


async def test_where_no_mail_is_sent_nobody_is_asked_for_an_address(harness: IdentityHarness) -> None:
    identity = await harness.process()
    async with identity.browser() as http:
        await identity.enter(http, await identity.person("jeju", "counsellor"))
        assert "/account/mail" not in (await http.get("/account")).text
        page = (await http.get("/account/mail")).text
    assert 'action="/account/mail"' not in page
    assert "this installation has no mail server" in page


async def test_where_no_mail_is_sent_nobody_is_told_that_one_is_on_its_way(harness: IdentityHarness) -> None:
    identity = await harness.process()
    ready = await identity.person("jeju", "counsellor")
    async with identity.browser() as http:
        await identity.enter(http, ready)
        await identity.clock.advance(30)
        form = {"mail": "", "current": ready.password, "digits": identity.code(ready)}
        changed = await http.post("/account/mail", data=form)
        page = (await http.get(changed.headers["location"])).text
    assert ("The address for notices is changed." in page, "on its way" in page) == (True, False)


async def test_what_a_clock_that_was_ahead_put_off_is_told_once_it_is_right(identity: Process, sink: MailSink) -> None:
    async with identity.browser() as http, identity.browser() as strange:
        ready = await someone(identity, http)
        assert len(await delivered(identity, sink)) == 1
        await identity.clock.advance(24 * 3600)
        await identity.enter(strange, ready)
        await identity.clock.advance(-24 * 3600)
        assert await delivered(identity, sink) == [(OLD, "새로운 기기에서 로그인했습니다")]
        assert await queue(identity) == []


def given_up() -> float:
    labels = {"notice": "unknown", "outcome": "given_up"}
    return REGISTRY.get_sample_value("ieum_identity_notices_total", labels) or 0.0


async def test_a_notice_of_a_later_build_keeps_no_other_back_and_is_left_to_that_build(
    identity: Process, sink: MailSink
) -> None:
    store = identity.accounts.notice_store
    async with identity.browser() as http:
        ready = await someone(identity, http)
        await delivered(identity, sink)
        assert await told_to(identity, http, ready, NEW)
        one, _ = await queue(identity)
        later = one | {"notice": "of_a_later_build", "due_at": one["at"]}
        await store.collection.insert_many([later | {"_id": f"later-{number}"} for number in range(25)])
        for _ in range(2):
            sent = await delivered(identity, sink)
        assert sorted(to for to, _ in sent) == sorted((OLD, NEW))
        assert await store.collection.count_documents({}) == 25
        await identity.clock.advance(KEPT.total_seconds())
        before = given_up()
        for _ in range(2):
            await identity.accounts.notices.deliver()
        assert await store.collection.count_documents({}) == 0
        assert given_up() == before + 25
