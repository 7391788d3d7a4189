"""What an alert says, by mail, webhook and Apprise: alias, urgency, age, count and a link; never content. Pure.

All messages of one kind have one size, so that whoever watches the wire learns nothing from it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from services.notify.cases.models import RunCause
from services.notify.channels.messages import Mail, age_words, sized_mail
from shared.events.envelope import iso
from shared.events.vocabulary import Urgency
from shared.words import URGENCIES

HOOK_BYTES: Final = 6144
"""Size of every webhook's body; as of a mail."""
TEXT_CHARACTERS: Final = 420
"""Length of every text for Apprise; below what the narrowest of its services takes whole in one message."""


class Ask(StrEnum):
    """What a message asks for. The values are part of the webhook's contract."""

    ANSWER = "answer"
    CONTACT = "contact"
    MESSAGE = "message"
    OFFER = "offer"


ASK_OF: Final = {
    RunCause.ANSWER: Ask.ANSWER,
    RunCause.CONTACT: Ask.CONTACT,
    RunCause.MESSAGE: Ask.MESSAGE,
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
        "새 소식 ",
        "something new, ",
        "사례에 읽지 않은 소식이 있습니다. 콘솔에서 확인해 주십시오.",
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
_RANK: Final = (Urgency.CRITICAL, Urgency.HIGH, Urgency.NORMAL)


def words(alerts: Sequence[Alert], root: str, now: datetime) -> Words:
    """What the alerts say together: one case, or how many there are, how old the oldest is, how urgent the worst."""
    oldest = min(alert.received_at for alert in alerts)
    age_ko, age_en = age_words(now - oldest)
    worst = min((alert.urgency for alert in alerts), key=_RANK.index)
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
            "urgency": min((alert.urgency for alert in alerts), key=_RANK.index),
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
    """A short text: the subject, and a link filled up with blanks to one length."""
    said = words(alerts, root, now)
    link = root + (alerts[0].path if len(alerts) == 1 else "/")
    return Words(said.subject, link.ljust(TEXT_CHARACTERS - len(said.subject)))
