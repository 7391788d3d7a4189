"""Texts about a proof of receipt: in both languages for the command, in one for the page. Pure."""

from datetime import datetime
from typing import Final

from services.intake.proofs.rules import ProofStatement
from shared.clock import SEOUL
from shared.web.translations import gettext_noop as n

REAL: Final = n("This proof is real: a report was lodged at the time below, and nothing in the proof was changed.")
NOT_REAL: Final = n("This is not a proof of ours, or something in it was changed.")
FITS: Final = n("The receipt number belongs to this proof.")
FITS_NOT: Final = n("The receipt number does not belong to this proof.")
WAIT: Final = n("Too many receipt numbers were tried from this network or with this proof. Please wait a little.")
_KOREAN: Final = {
    REAL: "진짜 접수 증명입니다. 아래 시각에 신고가 접수되었고, 증명의 내용은 바뀌지 않았습니다.",
    NOT_REAL: "이 시스템이 발급한 접수 증명이 아니거나, 내용이 바뀌었습니다.",
}
"""For the command, which has no reader's language to go by and no catalogue to need."""


def lines(stated: ProofStatement | None) -> list[str]:
    """The command's answer."""
    said = REAL if stated is not None else NOT_REAL
    found = [_KOREAN[said], said]
    if stated is not None:
        found.append(
            f"received_at {stated.received_at} ({local_time(stated.received_at):%Y-%m-%d %H:%M:%S} Asia/Seoul)"
        )
        found.append(f"receipt_mark {stated.receipt_mark}")
        found.append(f"content_mark {stated.content_mark}")
    return found


def local_time(received_at: str) -> datetime:
    """The time a proof states, in Korea."""
    return datetime.fromisoformat(received_at).astimezone(SEOUL)
