"""A mailbox for one machine: takes what notify sends by SMTP and by webhook and shows both. Keeps the last thousands.

Run as ``python -m tools.local.mailbox --smtp-port N --http-port N``. Nothing is delivered anywhere, nothing is stored.
"""

import argparse
import asyncio
import base64
import hashlib
import itertools
import os
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from html import escape
from typing import cast

import uvicorn
from aiosmtpd.smtp import SMTP, Envelope, Session
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tools.local import hook_sink, ports
from tools.local.hook_sink import HookSink
from tools.local.keys import HOOK_KEY

KEPT = 5000
HOSTS = (ports.LOOPBACK, "localhost")
_SHOWN = 200
_MOST_BYTES = 262_144
_STOP_LIMIT_S = 3
_WORDS = {
    "ko": {
        "title": "받은 메일",
        "intro": "이 컴퓨터 안에서만 보이는 메일함입니다. 실제로 나간 메일은 없습니다.",
        "count": "전체 {total}통 중 최근 {shown}통",
        "none": "아직 받은 메일이 없습니다.",
        "to": "받는 사람",
        "at": "시각",
        "hooks": '<a href="/hooks?lang=ko">받은 웹훅</a>',
        "other": '<a href="/?lang=en" lang="en" hreflang="en">English</a>',
    },
    "en": {
        "title": "Received mail",
        "intro": "A mailbox seen only on this machine. No mail has really been sent.",
        "count": "The last {shown} of {total}",
        "none": "No mail has come in yet.",
        "to": "To",
        "at": "At",
        "hooks": '<a href="/hooks?lang=en">Received webhooks</a>',
        "other": '<a href="/?lang=ko" lang="ko" hreflang="ko">한국어</a>',
    },
}
_STYLE = """
:root { color-scheme: light dark }
body { font: 17px/1.6 Pretendard, "Apple SD Gothic Neo", "Noto Sans KR", "Malgun Gothic", system-ui, sans-serif;
  max-width: 52rem; margin: 0 auto; padding: 1.5rem }
article { border-top: 1px solid; padding: 1rem 0 }
h2 { font-size: 1.1rem; margin: 0 0 .25rem; overflow-wrap: anywhere }
p { margin: .25rem 0; overflow-wrap: anywhere }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: .5rem 0 0 }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; "
    "base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Message:
    """One mail as it came in. ``number`` counts from 1."""

    number: int
    received_at: str
    sender: str
    recipients: tuple[str, ...]
    subject: str
    message_id: str
    alert_ids: tuple[str, ...]
    """Of every alert it stands for."""
    text: str


class Mailbox:
    """Keeps what comes in, the last ``kept`` of it."""

    def __init__(self, kept: int = KEPT) -> None:
        self.messages: deque[Message] = deque(maxlen=kept)
        self._numbers = itertools.count(1)
        self.total = 0

    def add(self, sender: str, recipients: list[str], content: bytes, now: datetime) -> Message:
        """Take one mail. A body that is no text is kept as an empty one."""
        parsed = message_from_bytes(content)  # by the old policy: the newer one takes every header apart, 1.3 ms a mail
        body = next((part for part in parsed.walk() if part.get_content_type() == "text/plain"), None)
        text = cast("bytes", body.get_payload(decode=True) or b"") if body is not None else b""
        message = Message(
            number=next(self._numbers),
            received_at=now.isoformat(timespec="milliseconds"),
            sender=sender,
            recipients=tuple(recipients),
            subject=str(make_header(decode_header(parsed["Subject"] or ""))),
            message_id=str(parsed["Message-ID"] or ""),
            alert_ids=tuple(str(parsed["X-Ieum-Alert-Ids"] or parsed["X-Ieum-Alert-Id"] or "").split()),
            text=text.decode(errors="replace"),
        )
        self.messages.append(message)
        self.total = message.number
        return message

    def since(self, number: int, to: str, limit: int) -> list[Message]:
        """Mails numbered above ``number``, oldest first, of one recipient if ``to`` is given."""
        found = (m for m in self.messages if m.number > number and (not to or to in m.recipients))
        return list(itertools.islice(found, limit))

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        """Take what an SMTP client sent."""
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.add(str(envelope.mail_from), [str(to) for to in envelope.rcpt_tos], content, datetime.now(UTC))
        return "250 OK"


def page(mailbox: Mailbox, language: str) -> str:
    """The page that lists the newest mails."""
    words = _WORDS[language]
    newest = list(itertools.islice(reversed(mailbox.messages), _SHOWN))
    count = words["count"].format(total=mailbox.total, shown=len(newest)) if newest else words["none"]
    articles = "".join(
        f"<article><h2>{escape(m.subject)}</h2>"
        f"<p>{words['to']}: {escape(', '.join(m.recipients))} · {words['at']}: "
        f'<time datetime="{m.received_at}">{m.received_at[:19].replace("T", " ")} UTC</time></p>'
        f"<pre>{escape(m.text)}</pre></article>"
        for m in newest
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{words["title"]}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><header><p>{words['hooks']} · {words['other']}</p><h1>{words['title']}</h1><p>{words['intro']}</p>"
        f"</header><main><p>{count}</p>{articles}</main></body></html>"
    )


def create_app(mailbox: Mailbox, hooks: HookSink) -> Starlette:
    """The pages: ``/``, ``/messages`` (JSON: ``after``, ``to``, ``limit``), webhooks below ``/hooks``, health."""

    async def show(request: Request) -> Response:
        wanted = request.query_params.get("lang", "") or request.headers.get("accept-language", "ko")[:2].lower()
        return HTMLResponse(page(mailbox, "en" if wanted == "en" else "ko"), headers=_HEADERS)

    async def listing(request: Request) -> Response:
        try:
            after = int(request.query_params.get("after", "0"))
            limit = int(request.query_params.get("limit", str(KEPT)))
        except ValueError:
            return JSONResponse({"detail": "after and limit are whole numbers"}, 400, headers=_HEADERS)
        found = mailbox.since(after, request.query_params.get("to", ""), max(0, limit))
        return JSONResponse({"total": mailbox.total, "messages": [asdict(m) for m in found]}, headers=_HEADERS)

    async def ready(_: Request) -> Response:
        return PlainTextResponse("ok", headers=_HEADERS)

    routes = [Route("/", show), Route("/messages", listing), Route("/health/ready", ready)]
    routes += hook_sink.routes(hooks, _STYLE, _HEADERS)
    # Only under this machine's own names: a foreign page whose name was pointed at us must not read the mail.
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))])


async def serve(smtp_port: int, http_port: int, hook_key: str) -> None:
    """Listen on both ports until asked to stop."""
    mailbox = Mailbox()
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(mailbox, data_size_limit=_MOST_BYTES, enable_SMTPUTF8=True, hostname="localhost", loop=loop)

    smtp = await loop.create_server(protocol, ports.LOOPBACK, smtp_port)
    config = uvicorn.Config(
        create_app(mailbox, HookSink(hook_key)),
        host=ports.LOOPBACK,
        port=http_port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_STOP_LIMIT_S,
    )
    async with smtp:
        await uvicorn.Server(config).serve()


def main() -> None:
    """Read the two ports from the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.smtp_port, arguments.http_port, os.environ[HOOK_KEY]))


if __name__ == "__main__":
    main()
