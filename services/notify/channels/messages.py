"""Texts of alerts, for people and for receivers. Pure. An alert carries alias, urgency and age, never content.

Every mail and every webhook has the same size to the byte, so that whoever watches the wire learns nothing from it.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.header import Header
from email.message import Message
from email.policy import compat32
from email.utils import format_datetime, formataddr
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from services.notify.cases.models import EscalationCause
from shared.clock import SEOUL
from shared.events.envelope import iso
from shared.events.vocabulary import Urgency
from shared.labels import URGENCIES
from shared.severity import RANK

MAIL_BYTES: Final = 6144
"""Size of every mail; about twice what the longest one needs."""


_LINE: Final = 76


_PAD_HEADER: Final = b"X-Ieum-Padding: "


_MAIL: Final = compat32.clone(linesep="\r\n")
"""``EmailMessage`` and its policies took 5 ms of the event loop to write a mail, in which no other alert could go."""


@dataclass(frozen=True, slots=True)
class Mail:
    """One message, ready to send."""

    to: str
    content: bytes


def age_words(age: timedelta) -> tuple[str, str]:
    """Format how long a reporter has waited, in Korean and English, in one unit."""
    minutes = max(int(age.total_seconds() // 60), 0)
    if minutes < 1:
        return "방금 접수", "just received"
    if minutes < 60:  # noqa: PLR2004  # minutes of an hour
        return f"{minutes}분 경과", f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60}시간 경과", f"{minutes // 60} h ago"
    return f"{minutes // 1440}일 경과", f"{minutes // 1440} d ago"


def dead_mail(
    *, alert_id: str, to: str, sender: str, count: int, topics: Sequence[str], link: str, now: datetime
) -> Mail:
    """The mail that tells the central desk of records no service could read."""
    listed = ", ".join(topics)
    records = "1 record" if count == 1 else f"{count} records"
    behind = "A report may be waiting behind it" if count == 1 else "Reports may be waiting behind them"
    subject = f"[이음] 처리하지 못한 기록 {count}건 / {records} could not be read"
    body = (
        f"읽지 못한 기록이 {count}건 있습니다. 신고가 누락되었을 수 있으니 바로 확인해 주십시오.\n\n"
        f"토픽: {listed}\n{link}\n\n"
        f"{records} could not be read. {behind}; please look at once.\n\n"
        f"Topics: {listed}\n{link}\n"
    )
    return sized_mail(alert_id=alert_id, to=to, sender=sender, subject=subject, body=body, now=now)


def sized_mail(
    *,
    alert_id: str,
    to: str,
    sender: str,
    subject: str,
    body: str,
    now: datetime,
    headers: Mapping[str, str] = MappingProxyType({}),
) -> Mail:
    """A mail of the one size all have. The alert's id is in its Message-ID, so that a double is known as one."""
    message = Message(policy=_MAIL)
    message["From"] = formataddr(("이음", sender))
    message["To"] = to
    message["Subject"] = Header(subject, "utf-8", header_name="Subject").encode(linesep="\r\n")
    message["Date"] = format_datetime(now.astimezone(SEOUL).replace(microsecond=0))
    message["Message-ID"] = f"<{alert_id}@{sender.rpartition('@')[2]}>"
    message["X-Ieum-Alert-Id"] = alert_id
    message["Auto-Submitted"] = "auto-generated"
    for name, value in headers.items():
        message[name] = value
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = 'text/plain; charset="utf-8"'
    message["Content-Transfer-Encoding"] = "base64"
    message.set_payload(base64.encodebytes(body.encode()).decode("ascii"))
    return Mail(to, padded(message.as_bytes(), MAIL_BYTES))


def padded(content: bytes, size: int) -> bytes:
    """The message with as many padding headers before its body as make it ``size`` bytes; longer ones are refused."""
    room = size - len(content)
    lines = []
    while room > 0:
        overhead = len(_PAD_HEADER) + 2
        # A rest too small for a header of its own is shared out to the one before.
        take = room if room <= _LINE else min(_LINE, room - overhead - 1)
        if take <= overhead:
            raise ValueError("too little room for padding")
        lines.append(_PAD_HEADER + b"x" * (take - overhead) + b"\r\n")
        room -= take
    if room < 0:
        raise ValueError(f"a mail of {len(content)} bytes, {size} allowed")
    head, gap, body = content.partition(b"\r\n\r\n")
    return head + b"\r\n" + b"".join(lines) + b"\r\n" + body if gap else content


HOOK_BYTES: Final = 6144
"""Size of every webhook's body; as of a mail."""


class Ask(StrEnum):
    """The request of a message. The values are part of the webhook's contract."""

    ANSWER = "answer"
    CONTACT = "contact"
    MESSAGE = "message"
    OFFER = "offer"


ASK_OF: Final = {
    EscalationCause.ANSWER: Ask.ANSWER,
    EscalationCause.CONTACT: Ask.CONTACT,
    EscalationCause.MESSAGE: Ask.MESSAGE,
}


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert, as far as a message may tell of it."""

    alert_id: str
    ask: Ask
    alias: str
    urgency: Urgency
    received_at: datetime
    path: str
    """Where its case is in the console, from the root."""


@dataclass(frozen=True, slots=True)
class Words:
    """One message in words: a line, and what stands below it."""

    subject: str
    body: str


_ASKED: Final = {
    Ask.ANSWER: (
        "",
        "",
        "응답을 기다리는 사례가 있습니다. 콘솔에서 확인해 주십시오.",
        "A case is waiting for an answer. Please open it in the console.",
    ),
    Ask.CONTACT: (
        "첫 연락 ",
        "first contact, ",
        "맡은 사례의 첫 연락 기한이 지났습니다. 콘솔에서 확인해 주십시오.",
        "The time for the first contact has passed. Please open the case in the console.",
    ),
    Ask.MESSAGE: (
        "새 내용 ",
        "something new, ",
        "사례에 읽지 않은 새 내용이 있습니다. 콘솔에서 확인해 주십시오.",
        "Something new on a case has not been read. Please open it in the console.",
    ),
    Ask.OFFER: (
        "이관 제안 ",
        "transfer offered, ",
        "다른 센터가 사례를 넘기겠다고 제안했습니다. 콘솔에서 수락하거나 거절해 주십시오.",
        "Another centre offers you a case. Please accept or decline it in the console.",
    ),
}
"""Before the alias in Korean, before the urgency in English, and the sentence in both."""


def words(alerts: Sequence[Alert], root: str, now: datetime) -> Words:
    """Sum up alerts in words: one case, or how many there are, how old the oldest is, how urgent the worst."""
    oldest = min(alert.received_at for alert in alerts)
    age_ko, age_en = age_words(now - oldest)
    worst = min((alert.urgency for alert in alerts), key=RANK.__getitem__)
    ko, en = URGENCIES[worst].ko, URGENCIES[worst].lower()
    if len(alerts) > 1:
        count = len(alerts)
        return Words(
            f"[이음] 사례 {count}건 · {ko} · {age_ko} / {count} cases, {en}, {age_en}",
            f"확인할 사례가 {count}건 있습니다. 콘솔의 목록에서 확인해 주십시오.\n\n"
            f"건수: {count}\n가장 높은 긴급도: {ko}\n가장 오래된 사례: {age_ko}\n{root}/\n\n"
            f"{count} cases need somebody. Please see the list in the console.\n\n"
            f"Count: {count}\nHighest urgency: {en}\nOldest: {age_en}\n{root}/\n",
        )
    (alert,) = alerts
    before_ko, before_en, says_ko, says_en = _ASKED[alert.ask]
    return Words(
        f"[이음] {before_ko}{alert.alias} · {ko} · {age_ko} / {before_en}{en}, {age_en}",
        f"{says_ko}\n\n사례: {alert.alias}\n긴급도: {ko}\n경과: {age_ko}\n{root}{alert.path}\n\n"
        f"{says_en}\n\nCase: {alert.alias}\nUrgency: {en}\nAge: {age_en}\n{root}{alert.path}\n",
    )


def alert_mail(message_id: str, alerts: Sequence[Alert], to: str, sender: str, root: str, now: datetime) -> Mail:
    """The mail. The id of every alert in it is in a header, so that a receiver can tell doubles of each."""
    said = words(alerts, root, now)
    listed = {"X-Ieum-Alert-Ids": " ".join(alert.alert_id for alert in alerts)} if len(alerts) > 1 else {}
    return sized_mail(
        alert_id=message_id, to=to, sender=sender, subject=said.subject, body=said.body, now=now, headers=listed
    )


def alert_hook(message_id: str, alerts: Sequence[Alert], root: str, now: datetime) -> bytes:
    """The body of a webhook: JSON of one size. ``type`` and ``timestamp`` as Standard Webhooks recommends."""
    oldest = min(alert.received_at for alert in alerts)
    single = alerts[0] if len(alerts) == 1 else None
    body: dict[str, object] = {
        "type": "alert.sent",
        "timestamp": iso(now),
        "data": {
            "id": message_id,
            "alert_ids": [alert.alert_id for alert in alerts],
            "ask": single.ask if single is not None else Ask.ANSWER,
            "alias": single.alias if single is not None else None,
            "count": len(alerts),
            "urgency": min((alert.urgency for alert in alerts), key=RANK.__getitem__),
            "oldest_age_s": max(int((now - oldest).total_seconds()), 0),
            "link": root + (single.path if single is not None else "/"),
        },
        "padding": "",
    }
    room = HOOK_BYTES - len(_json(body))
    if room < 0:
        raise ValueError(f"a webhook {-room} bytes too long")
    return _json({**body, "padding": "x" * room})


def _json(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def alert_text(alerts: Sequence[Alert], root: str, now: datetime) -> Words:
    """A short text: the subject and a link. Of no common size, since Apprise takes blanks off the end of a text."""
    said = words(alerts, root, now)
    link = root + (alerts[0].path if len(alerts) == 1 else "/")
    return Words(said.subject, link)


def alarm_mail(about: str, count: int, oldest_due: datetime, to: str, sender: str, root: str, now: datetime) -> Mail:
    """Make the mail that says how many reports were not alerted in time, and for how long the oldest.

    ``about`` names what is reported; the same content makes the same message id.
    """
    overdue = now - oldest_due
    ko, en = age_words(overdue) if overdue.total_seconds() >= 60 else ("방금", "just now")  # noqa: PLR2004  # a minute
    body = (
        f"제때 알림이 가지 않은 사례가 {count}건 있습니다. 콘솔을 보고 담당자에게 직접 연락해 주십시오.\n\n"
        f"건수: {count}\n가장 오래된 지연: {ko}\n{root}/?center=central\n\n"
        f"{count} cases were not alerted in time. Please see the console and reach the staff yourself.\n\n"
        f"Count: {count}\nLongest overdue: {en}\n{root}/?center=central\n"
    )
    return sized_mail(
        alert_id=hashlib.sha256(about.encode()).hexdigest()[:32],
        to=to,
        sender=sender,
        subject=f"[이음] 경보: 지연된 알림 {count}건 / {count} alerts overdue",
        body=body,
        now=now,
    )
