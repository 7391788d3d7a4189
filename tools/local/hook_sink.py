"""The mailbox's other half: takes webhooks as a receiver would, checks their signatures and shows them on a page."""

import base64
import hashlib
import hmac
import itertools
import json
from collections import deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

KEPT: Final = 5000
SHOWN: Final = 200
MOST_BYTES: Final = 65_536
TOLERANCE_S: Final = 300
"""How far a message's time may be from ours; what the specification's own libraries allow."""
WORDS: Final = {
    "ko": {
        "title": "받은 웹훅",
        "intro": "이 컴퓨터 안에서만 보이는 웹훅 수신함입니다. 밖으로 나간 것은 없습니다.",
        "count": "전체 {total}건 중 최근 {shown}건",
        "none": "아직 받은 웹훅이 없습니다.",
        "good": "서명 확인됨",
        "bad": "서명이 맞지 않음",
        "other": '<a href="/hooks?lang=en" lang="en" hreflang="en">English</a>',
        "back": '<a href="/?lang=ko">받은 메일</a>',
    },
    "en": {
        "title": "Received webhooks",
        "intro": "Webhooks seen only on this machine. Nothing has really been sent.",
        "count": "The last {shown} of {total}",
        "none": "No webhook has come in yet.",
        "good": "signature verified",
        "bad": "signature does not fit",
        "other": '<a href="/hooks?lang=ko" lang="ko" hreflang="ko">한국어</a>',
        "back": '<a href="/?lang=en">Received mail</a>',
    },
}


@dataclass(frozen=True, slots=True)
class Hook:
    """One webhook as it came in. ``number`` counts from 1; ``data`` is its JSON without the padding."""

    number: int
    received_at: str
    desk: str
    webhook_id: str
    verified: bool
    bytes: int
    data: dict[str, object]


class HookSink:
    """Keeps what comes in, the last ``KEPT`` of it. ``secret`` is the base64 of the key that both sides have."""

    def __init__(self, secret: str) -> None:
        self.hooks: deque[Hook] = deque(maxlen=KEPT)
        self.total = 0
        self._key = base64.b64decode(secret)

    def verified(self, message_id: str, timestamp: str, signatures: str, body: bytes, now: datetime) -> bool:
        """Return whether a message was signed with our secret and is fresh (Standard Webhooks, v1)."""
        if not timestamp.isdecimal() or abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
            return False
        wanted = hmac.new(self._key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
        given = (part.removeprefix("v1,") for part in signatures.split() if part.startswith("v1,"))
        return any(hmac.compare_digest(base64.b64encode(wanted).decode(), one) for one in given)

    def add(self, desk: str, message_id: str, body: bytes, *, verified: bool, now: datetime) -> Hook | None:
        """Take one webhook; None where its body is no JSON object."""
        try:
            parsed = json.loads(body)
        except ValueError:
            return None
        if not isinstance(parsed, dict):
            return None
        parsed.pop("padding", None)
        self.total += 1
        at = now.isoformat(timespec="milliseconds")
        hook = Hook(self.total, at, desk, message_id, verified, len(body), parsed)
        self.hooks.append(hook)
        return hook


def page(sink: HookSink, language: str, style: str) -> str:
    """The page that lists the newest webhooks."""
    words = WORDS[language]
    newest = list(itertools.islice(reversed(sink.hooks), SHOWN))
    count = words["count"].format(total=sink.total, shown=len(newest)) if newest else words["none"]
    articles = "".join(
        f"<article><h2>{escape(hook.desk)} · {words['good' if hook.verified else 'bad']}</h2>"
        f'<p><code>{escape(hook.webhook_id)}</code> · <time datetime="{hook.received_at}">'
        f"{hook.received_at[:19].replace('T', ' ')} UTC</time></p>"
        f"<pre>{escape(json.dumps(hook.data, ensure_ascii=False, indent=1))}</pre></article>"
        for hook in newest
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>{words["title"]}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{style}</style></head>'
        f"<body><header><p>{words['back']} · {words['other']}</p><h1>{words['title']}</h1><p>{words['intro']}</p>"
        f"</header><main><p>{count}</p>{articles}</main></body></html>"
    )


def routes(sink: HookSink, style: str, headers: dict[str, str]) -> list[Route]:
    """``POST /hooks/DESK`` takes, ``/hooks`` shows, ``/hooks.json`` lists (``after``)."""

    async def take(request: Request) -> Response:
        body = await request.body()
        message_id = request.headers.get("webhook-id", "")[:100]
        if len(body) > MOST_BYTES:
            return PlainTextResponse("too large", 413, headers=headers)
        stamp, signed = request.headers.get("webhook-timestamp", ""), request.headers.get("webhook-signature", "")
        now = datetime.now(UTC)
        verified = sink.verified(message_id, stamp, signed, body, now)
        hook = sink.add(request.path_params["desk"][:60], message_id, body, verified=verified, now=now)
        if hook is None:
            return PlainTextResponse("not JSON", 400, headers=headers)
        return PlainTextResponse("ok" if verified else "bad signature", 200 if verified else 401, headers=headers)

    async def show(request: Request) -> Response:
        wanted = request.query_params.get("lang", "") or request.headers.get("accept-language", "ko")[:2].lower()
        return HTMLResponse(page(sink, "en" if wanted == "en" else "ko", style), headers=headers)

    async def listing(request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not after.isdecimal():
            return JSONResponse({"detail": "after is a whole number"}, 400, headers=headers)
        found = [asdict(hook) for hook in sink.hooks if hook.number > int(after)]
        return JSONResponse({"total": sink.total, "hooks": found}, headers=headers)

    return [
        Route("/hooks", show),
        Route("/hooks.json", listing),
        Route("/hooks/{desk:path}", take, methods=["POST"]),
    ]
