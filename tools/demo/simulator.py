"""A bad week as requests to intake: drawn from the published figures, the same for the same seed.

Pure: no network, no clock, no randomness but the seed's. Every text here is made up.
"""

import base64
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from tools.demo import texts
from tools.demo.params import Params

JSON: Final = "application/json"

ACCEPTED: Final = "accepted"
REPEAT: Final = "repeat"


@dataclass(frozen=True, slots=True)
class Request:
    """One request to ``POST /api/v1/reports`` and what is expected of it.

    ``kind`` is ``accepted``, ``repeat`` (key and body of an earlier one) or the name of a refusal. ``field`` is where
    a refusal must point; empty where the whole body is refused.
    """

    key: str
    body: bytes
    kind: str = ACCEPTED
    content_type: str = JSON
    field: str = ""
    channel: str = ""


REFUSALS: Final[tuple[str, ...]] = (
    "unknown_division",
    "registration_number",
    "data_uri",
    "encoded_image",
    "too_long",
    "too_many_urls",
    "unknown_field",
    "malformed_json",
    "wrong_content_type",
    "too_large",
)
"""Every kind of refusal; a run makes each at least once."""


def requests(params: Params, *, seed: int, count: int, run: str) -> list[Request]:
    """The requests of one run: ``count`` reports, a few of them twice, and some that must be refused.

    ``run`` stands in every idempotency key, so that a second run makes new reports.
    """
    draw = random.Random(seed)  # noqa: S311  # a simulation, no secret
    made = [_report(params, draw, f"{run}-report-{number:05d}") for number in range(count)]
    repeats = [replace(made[draw.randrange(count)], kind=REPEAT) for _ in range(max(1, count // 33))]
    refused = list(_refused(params, draw, run, rounds=max(1, count // 250)))
    return _mixed(draw, made, repeats, refused)


def _mixed(draw: random.Random, made: list[Request], repeats: list[Request], refused: list[Request]) -> list[Request]:
    """Mix everything into one order: a repeat anywhere behind its original, refusals anywhere."""
    order = {request.key: float(place) for place, request in enumerate(made)}
    last = float(len(made))
    placed = [(order[request.key], 0, request) for request in made]
    placed += [(draw.uniform(order[request.key] + 0.5, last), 1, request) for request in repeats]
    placed += [(draw.uniform(0, last), 2, request) for request in refused]
    return [request for _, _, request in sorted(placed, key=lambda entry: entry[:2])]


def _report(params: Params, draw: random.Random, key: str) -> Request:
    body = report_body(params, draw)
    return Request(key=key, body=orjson.dumps(body), channel=str(body["channel"]))


def report_body(params: Params, draw: random.Random) -> dict[str, Any]:
    """One report as intake's API takes it."""
    harms = _harms(params, draw)
    deepfake = "synthesis" in harms
    role, channel = params.role.draw(draw), params.channel.draw(draw)
    language = params.language.draw(draw)
    body: dict[str, Any] = {
        "role": role,
        "channel": channel,
        "language": language,
        "harm_types": harms,
        "age_band": (params.age_band_deepfake if deepfake else params.age_band).draw(draw),
        "gender": (params.gender_deepfake if deepfake else params.gender).draw(draw),
        "relationship": params.relationship.draw(draw),
        "platform_kind": params.platform_kind.draw(draw),
        "narrative": draw.choice(texts.NARRATIVES[language if language in texts.NARRATIVES else "en"]),
        "contact": _contact(params, draw),
        "consents": {"version": "2026-11", "personal": True, "sensitive": True, "share_with_center": True},
        **_place(params, draw),
        **_danger(draw, harms),
    }
    if draw.random() < params.declined_center_share:
        body["declined_centers"] = [draw.choice(params.centers)]
    if role == "representative":
        body["on_behalf"] = {"relation": draw.choice(("lineal", "sibling", "spouse", "agent")), "victim_knows": True}
    if draw.random() < texts.URL_SHARE:
        body["urls"] = [f"https://{draw.choice(texts.HOSTS)}/v/{draw.randrange(10**8):08d}"]
    return body


def _harms(params: Params, draw: random.Random) -> list[str]:
    # Drawn without repetition until the average number per report is met (1.63 in the yearly statistics).
    wanted = 1 + (draw.random() < (params.harm_types_per_report - 1))
    found: list[str] = []
    while len(found) < wanted:
        harm = params.harm_type.draw(draw)
        if harm not in found:
            found.append(harm)
    return found


def _place(params: Params, draw: random.Random) -> dict[str, str]:
    division = params.division.draw(draw)
    if division in params.districts and draw.random() < params.district_told_share:
        return {"division": division, "district": draw.choice(params.districts[division])}
    return {"division": division}


def _danger(draw: random.Random, harms: list[str]) -> dict[str, bool]:
    answers: dict[str, bool] = {}
    if "distribution_threat" in harms:
        answers["threatened"] = True
    if "body_cam_phishing" in harms:
        answers["money_demanded"] = True
    if "distribution" in harms:
        answers["still_spreading"] = draw.random() < texts.SPREADING_SHARE
    return answers


def _contact(params: Params, draw: random.Random) -> dict[str, Any]:
    channel = params.contact_channels.draw(draw)
    contact: dict[str, Any] = {"channels": [channel], "may_leave_message": draw.random() < texts.VOICEMAIL_SHARE}
    if channel in {"phone", "text"}:
        # 010-0000-xxxx is given to nobody.
        contact["phone"] = f"010-0000-{draw.randrange(10_000):04d}"
    if channel == "email":
        contact["email"] = f"person{draw.randrange(10_000)}@example.org"
    return contact


def _refused(params: Params, draw: random.Random, run: str, *, rounds: int) -> Iterator[Request]:
    for number in range(rounds):
        for kind in REFUSALS:
            fine = report_body(params, draw)
            yield _spoiled(kind, fine, f"{run}-refused-{kind}-{number}")


def _spoiled(kind: str, fine: Mapping[str, Any], key: str) -> Request:
    """A good report with one thing wrong."""
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 2).decode()
    spoiled: dict[str, tuple[str, Any]] = {
        "unknown_division": ("division", "atlantis"),
        "registration_number": ("narrative", "제 번호는 900101-1234567 이에요."),
        "data_uri": ("narrative", f"data:image/png;base64,{png}"),
        "encoded_image": ("narrative", png),
        "too_long": ("narrative", "가나다라마바사 " * 600),
        "too_many_urls": ("urls", [f"https://example.org/{n}" for n in range(21)]),
        "unknown_field": ("password", "1234"),
    }
    if kind in spoiled:
        name, value = spoiled[kind]
        return Request(key=key, body=orjson.dumps({**fine, name: value}), kind=kind, field=name)
    if kind == "malformed_json":
        return Request(key=key, body=orjson.dumps(fine)[:-7], kind=kind)
    if kind == "wrong_content_type":
        return Request(key=key, body=orjson.dumps(fine), kind=kind, content_type="text/plain")
    return Request(key=key, body=orjson.dumps({**fine, "narrative": "가" * 30_000}), kind="too_large")
