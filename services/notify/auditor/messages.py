"""The auditor's mail to central, as big as every other. Pure."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

from services.notify.auditor.projection import Wrong
from services.notify.channels.messages import Mail, age_words, sized_mail


def alarm_mail(found: Sequence[Wrong], to: str, sender: str, root: str, now: datetime) -> Mail:
    """How many reports nobody was told of in time, and for how long the oldest; their list is in the console."""
    count = len(found)
    overdue = now - min(one.due for one in found)
    ko, en = age_words(overdue) if overdue.total_seconds() >= 60 else ("방금", "just now")  # noqa: PLR2004  # a minute
    about = "|".join(sorted(f"{one.report_id}|{one.owed}|{one.step}|{one.due.isoformat()}" for one in found))
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
