"""Texts of notices: what happened and when, and what to do if it was another person. Nothing about the person."""

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from services.identity.notices.models import Language, Notice, Queued
from shared.clock import SEOUL
from shared.web.formats import exact

_WHAT: Final[dict[Language, dict[Notice, str]]] = {
    "ko": {
        Notice.NEW_DEVICE: "새로운 기기에서 로그인했습니다",
        Notice.PASSKEY_ADDED: "패스키가 등록되었습니다",
        Notice.PASSKEY_REMOVED: "패스키가 삭제되었습니다",
        Notice.PASSWORD: "비밀번호가 변경되었습니다",
        Notice.RECOVERY_CODES: "복구 코드가 새로 만들어졌습니다",
        Notice.ADDRESS: "알림을 받을 메일 주소가 변경되었습니다",
        Notice.ROLES: "관리자가 계정의 역할을 변경했습니다",
        Notice.RESET: "관리자가 비밀번호와 2차 인증을 초기화했습니다",
        Notice.DISABLED: "관리자가 계정을 사용 중지했습니다",
        Notice.ENABLED: "관리자가 계정을 다시 사용할 수 있게 했습니다",
        Notice.SESSIONS_ENDED: "관리자가 로그인 세션을 끝냈습니다",
    },
    "en": {
        Notice.NEW_DEVICE: "Sign-in from a new device",
        Notice.PASSKEY_ADDED: "A passkey was registered",
        Notice.PASSKEY_REMOVED: "A passkey was removed",
        Notice.PASSWORD: "The password was changed",
        Notice.RECOVERY_CODES: "New recovery codes were made",
        Notice.ADDRESS: "The address for these notices was changed",
        Notice.ROLES: "An administrator changed the roles of the account",
        Notice.RESET: "An administrator reset password and second factor",
        Notice.DISABLED: "An administrator disabled the account",
        Notice.ENABLED: "An administrator let the account in again",
        Notice.SESSIONS_ENDED: "An administrator ended sessions",
    },
}
_BY_ADMINISTRATOR: Final = frozenset(
    {Notice.ROLES, Notice.RESET, Notice.DISABLED, Notice.ENABLED, Notice.SESSIONS_ENDED}
)
_OWN: Final[dict[Language, str]] = {
    "ko": (
        "본인이 한 일이면 아무것도 하지 않아도 됩니다.\n본인이 한 일이 아니면 바로 로그인하여 모든 곳에서"
        " 로그아웃하고 비밀번호를 바꾼 뒤 관리자에게 알리십시오. 로그인할 수 없으면 관리자에게 전화하십시오."
    ),
    "en": (
        "If this was you, there is nothing to do.\nIf it was not, sign in at once, sign out everywhere, change your"
        " password, and tell an administrator. If you cannot sign in, call one."
    ),
}
_ADMINISTRATORS: Final[dict[Language, str]] = {
    "ko": "미리 들은 일이 아니면 관리자에게 전화하여 확인하십시오.",
    "en": "If nobody told you beforehand, call an administrator and ask.",
}
_BODY: Final[dict[Language, str]] = {
    "ko": (
        "{what}.\n시각: {when} (한국 시간)\n\n{todo}\n{address}\n\n"
        "이음은 메일로 링크를 눌러 인증 번호나 비밀번호를 입력하라고 하지 않습니다.\n"
    ),
    "en": (
        "{what}.\nWhen: {when}\n\n{todo}\n{address}\n\n"
        "No mail of ours asks you to follow a link and type a code or password.\n"
    ),
}


def message(queued: Queued, *, sender: str, to: str, address: str) -> EmailMessage:
    """A notice ready to send; ``address`` is where people manage their account."""
    language = queued.language
    what = _WHAT[language][queued.notice]
    todo = (_ADMINISTRATORS if queued.notice in _BY_ADMINISTRATOR else _OWN)[language]
    made = EmailMessage(policy=SMTP)
    made["From"] = Address("이음" if language == "ko" else "Ieum", addr_spec=sender)
    made["To"] = to
    made["Subject"] = what
    made["Date"] = format_datetime(queued.at.astimezone(SEOUL).replace(microsecond=0))
    # The same each time it is sent, so that a mailbox can tell that it has it.
    made["Message-ID"] = f"<{queued.id}@{sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    body = _BODY[language].format(what=what, when=exact(queued.at, language), todo=todo, address=address)
    made.set_content(body, cte="base64")
    return made
