"""What people and receivers read of a case. Pure. An alert carries alias, urgency and age, never content.

Every mail has the same size to the byte, so that whoever watches the wire learns nothing from it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from types import MappingProxyType
from typing import Final

from services.notify.cases.models import SEOUL

MAIL_BYTES: Final = 6144
"""Size of every mail; about twice what the longest one needs."""

_LINE: Final = 76
_PAD_HEADER: Final = b"X-Ieum-Padding: "

_NOUNS: Final = """
가람 가을 강물 개울 고요 고을 구름 그루 나래 나무 나비 날개 냇가 노래 노을 누리 느티 다솜 단풍 달빛 도담 동산 두레 둥지
들판 등대 디딤 라온 마루 마을 모래 목련 무늬 물결 미르 바다 바람 반달 벼리 별빛 보름 봄비 비단 산길 새벽 샘물 소리 솔잎
수풀 숲길 시내 씨앗 아라 아침 언덕 여울 연못 오름 오솔 우물 은하 이랑 이슬 잎새 자람 장미 조약 종이 참새 채움 초롱 초원
타래 터전 토담 파도 포근 푸름 하늘 하루 한결 햇살 향기 호수 화분 흐름
"""
_WORDS: Final = tuple(_NOUNS.split())
"""Plain, kind nouns. The order is part of how an alias is made."""


def alias(report_id: str, extra: int = 0) -> str:
    """A short name for a case, made from its id and sayable on the phone, such as ``가람-4821``.

    ``extra`` lengthens it, for the rare case that another case has the same one; the short form stays its beginning.
    """
    digest = int.from_bytes(hashlib.sha256(f"alias|{report_id}".encode()).digest(), "big")
    digest, word = divmod(digest, len(_WORDS))
    digest, number = divmod(digest, 10_000)
    more = "".join(f"-{digest // 100**i % 100:02d}" for i in range(extra))
    return f"{_WORDS[word]}-{number:04d}{more}"


@dataclass(frozen=True, slots=True)
class Mail:
    """One message, ready to send."""

    to: str
    content: bytes


def age_words(age: timedelta) -> tuple[str, str]:
    """How long someone has waited, in Korean and English, in one unit."""
    minutes = max(int(age.total_seconds() // 60), 0)
    if minutes < 1:
        return "방금 접수", "just received"
    if minutes < 60:  # noqa: PLR2004  # minutes of an hour
        return f"{minutes}분 경과", f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60}시간 경과", f"{minutes // 60} h ago"
    return f"{minutes // 1440}일 경과", f"{minutes // 1440} d ago"


def dead_mail(*, alert_id: str, to: str, sender: str, topic: str, reason: str, link: str, now: datetime) -> Mail:
    """The mail that tells the central desk of a record no service could read."""
    subject = f"[이음] 처리하지 못한 기록 / unreadable record ({topic})"
    body = (
        f"읽지 못한 기록이 있습니다. 신고가 누락되었을 수 있으니 바로 확인해 주십시오.\n\n"
        f"토픽: {topic}\n이유: {reason}\n{link}\n\n"
        f"A record could not be read. A report may be waiting behind it; please look at once.\n\n"
        f"Topic: {topic}\nReason: {reason}\n{link}\n"
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
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("이음", addr_spec=sender)
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(now.astimezone(SEOUL).replace(microsecond=0))
    message["Message-ID"] = f"<{alert_id}@{sender.rpartition('@')[2]}>"
    message["X-Ieum-Alert-Id"] = alert_id
    message["Auto-Submitted"] = "auto-generated"
    for name, value in headers.items():
        message[name] = value
    message.set_content(body, cte="base64")
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
