"""What leaves the house: one size, no content, both languages; names that can be said."""

import email
import email.errors
import email.policy
from datetime import datetime, timedelta
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notify.cases.models import alias
from services.notify.channels.messages import MAIL_BYTES, Alert, Ask, alert_mail, dead_mail, padded
from shared.events.vocabulary import HarmType, Urgency
from tests.unit.notify.samples import NOW, report_id

ROOT = "http://127.0.0.1:8003"


def mail(**changes: object) -> bytes:
    values: dict[str, object] = {
        "alert_id": report_id(9),
        "to": "busan@duty.ieum.example",
        "name": alias(report_id(1)),
        "urgency": Urgency.CRITICAL,
        "received_at": NOW - timedelta(minutes=3),
    } | changes
    alert = Alert(
        alert_id=str(values["alert_id"]),
        ask=Ask.ANSWER,
        alias=str(values["name"]),
        urgency=Urgency(str(values["urgency"])),
        received_at=cast("datetime", values["received_at"]),
        path=f"/cases/{report_id(1)}",
    )
    return alert_mail(alert.alert_id, [alert], str(values["to"]), "alert@ieum.example", ROOT, NOW).content


@given(
    st.sampled_from(Urgency),
    st.integers(0, 10**7),
    st.sampled_from(["busan", "chungbuk", "gyeonggi", "central"]),
    st.integers(0, 2),
)
def test_every_mail_has_the_same_size(urgency: Urgency, age_s: int, center: str, extra: int) -> None:
    content = mail(
        urgency=urgency,
        received_at=NOW - timedelta(seconds=age_s),
        to=f"{center}@lead.ieum.example",
        name=alias(report_id(age_s), extra),
    )
    assert len(content) == MAIL_BYTES


def test_the_mail_about_a_dead_record_has_that_size_too() -> None:
    sent = dead_mail(
        alert_id=report_id(3),
        to="a@b.example",
        sender="c@d.example",
        count=10**9,
        topics=["reports", "routings", "cases"],
        link="http://x",
        now=NOW,
    )
    assert len(sent.content) == MAIL_BYTES


@given(st.integers(0, 3000))
def test_padding_is_exact_or_refused(missing: int) -> None:
    content = b"Subject: x\r\n\r\nbody\r\n"
    size = len(content) + missing
    if 0 < missing < len(b"X-Ieum-Padding: ") + 3:
        with pytest.raises(ValueError, match="room"):
            padded(content, size)
        return
    made = padded(content, size)
    assert len(made) == size
    assert email.message_from_bytes(made).get_payload() == "body\r\n"
    assert max(len(line) for line in made.split(b"\r\n")) <= 76


def test_a_mail_says_alias_urgency_age_and_link_in_both_languages_and_nothing_of_the_content() -> None:
    parsed = email.message_from_bytes(mail(), policy=email.policy.default)
    body = parsed.get_body()
    assert body is not None
    text = body.get_content()
    name = alias(report_id(1))
    assert name in str(parsed["Subject"])
    for wanted in (name, "매우 긴급", "critical", "3분 경과", "3 min ago", f"/cases/{report_id(1)}"):
        assert wanted in text
    assert parsed["X-Ieum-Alert-Id"] == report_id(9)
    assert report_id(9) in str(parsed["Message-ID"])
    everything = (text + str(parsed["Subject"])).lower()
    for harm in HarmType:
        assert harm.value not in everything
        assert harm.value.replace("_", " ") not in everything
    for word in ("유포", "촬영", "피해", "성범죄", "딥페이크", "gwangju", "광주"):
        assert word not in everything


def test_a_mail_is_plain_text_on_the_wire_whose_headers_say_all_in_any_language() -> None:
    alerts = [
        Alert(report_id(n), Ask.ANSWER, alias(report_id(n)), Urgency.HIGH, NOW, f"/cases/{report_id(n)}")
        for n in range(20)
    ]
    made = alert_mail(report_id(30), alerts, "busan@duty.ieum.example", "alert@ieum.example", ROOT, NOW).content
    assert made.isascii()
    assert made.count(b"\n") == made.count(b"\r\n"), "RFC 5321, 2.3.8: a bare line feed is refused by some servers"
    assert max(len(line) for line in made.split(b"\r\n")) <= 78
    parsed = email.message_from_bytes(made, policy=email.policy.default)
    assert str(parsed["From"]) == "이음 <alert@ieum.example>"
    assert str(parsed["Subject"]) == "[이음] 사례 20건 · 긴급 · 방금 접수 / 20 cases, urgent, just received"
    assert str(parsed["X-Ieum-Alert-Ids"]).split() == [alert.alert_id for alert in alerts]
    assert not parsed.defects


def test_an_address_that_would_add_a_header_makes_no_mail() -> None:
    with pytest.raises(email.errors.HeaderParseError):
        mail(to="a@b.example\r\nBcc: c@d.example")


def test_an_alias_is_made_from_the_id_and_grows_without_changing() -> None:
    assert alias(report_id(1)) == alias(report_id(1))
    assert alias(report_id(1), 1).startswith(alias(report_id(1)) + "-")
    assert alias(report_id(1), 2).startswith(alias(report_id(1), 1) + "-")
    names = {alias(report_id(n)) for n in range(3000)}
    assert len(names) > 2985
    assert len({alias(report_id(n), 1) for n in range(3000)}) >= 2999
