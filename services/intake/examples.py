"""Examples of the API's documentation; a test lodges each of them."""

from typing import Any, Final

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "least": {
        "summary": "The least a report needs",
        "value": {"role": "victim", "harm_types": ["fear_of_distribution"]},
    },
    "victim": {
        "summary": "A person under threat, reachable by text message",
        "value": {
            "role": "victim",
            "harm_types": ["distribution_threat", "synthesis"],
            "channel": "web",
            "language": "ko",
            "division": "부산",
            "age_band": "19_24",
            "gender": "female",
            "relationship": "stranger",
            "platform_kind": "messenger",
            "still_spreading": False,
            "threatened": True,
            "money_demanded": True,
            "threat_deadline": "2026-11-25T21:00:00+09:00",
            "narrative": "모르는 사람이 합성한 사진을 보내며 돈을 요구해요.",
            "urls": ["https://example.com/post/1"],
            "fingerprints": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
            "contact": {
                "channels": ["text"],
                "name": "달",
                "phone": "010-0000-0000",
                "hours": "평일 저녁 7시 이후",
                "may_leave_message": False,
            },
            "consents": {"version": "2026-11", "personal": True, "sensitive": True, "share_with_center": True},
        },
    },
    "phone": {
        "summary": "A parent on the phone, taken down by an operator",
        "value": {
            "role": "representative",
            "harm_types": ["online_grooming"],
            "channel": "phone",
            "division": "jeonnam-gwangju",
            "district": "12210",
            "age_band": "14_18",
            "declined_centers": ["jeonnam"],
            "on_behalf": {"relation": "lineal", "victim_knows": True, "victim_agrees": True},
        },
    },
}

_RECEIPT: Final = "1234-5678-9012-3450"
_CODE: Final = "1234-5678-9018"

RECEIPT_EXAMPLES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "status": {"by receipt": {"value": {"receipt": _RECEIPT}}},
    "messages": {"a message": {"value": {"receipt": _RECEIPT, "text": "평일 저녁에는 전화를 받을 수 있어요."}}},
    "answers": {"by receipt": {"value": {"receipt": _RECEIPT}}},
    "amend": {
        "a new link": {"value": {"receipt": _RECEIPT, "urls": ["https://example.com/post/2"], "still_spreading": True}},
        "another number": {
            "summary": "With the word that was set",
            "value": {
                "receipt": _RECEIPT,
                "word": "파란 우산",
                "contact": {"channels": ["text"], "phone": "010-0000-0001"},
            },
        },
    },
    "withdraw": {
        "leaving 72 hours": {"value": {"receipt": _RECEIPT}},
        "for ever": {"value": {"receipt": _RECEIPT, "at_once": True, "understood": True}},
    },
    "reinstate": {"by receipt": {"value": {"receipt": _RECEIPT}}},
    "hand-over": {"by receipt": {"value": {"receipt": _RECEIPT}}},
    "hand-over/cancel": {"by receipt": {"value": {"receipt": _RECEIPT}}},
    "take-over": {
        "with a word and a way to be reached": {
            "value": {
                "code": _CODE,
                "i_am_the_person": True,
                "word": "파란 우산",
                "contact": {"channels": ["text"], "phone": "010-0000-0001"},
            }
        }
    },
    "word": {
        "the first": {"value": {"receipt": _RECEIPT, "word": "파란 우산"}},
        "another": {"value": {"receipt": _RECEIPT, "word": "파란 우산", "new_word": "노란 우산"}},
    },
    "word/cancel": {"by receipt": {"value": {"receipt": _RECEIPT}}},
}
"""Of the operations under ``/api/v1/receipts``."""

_AT: Final = "2026-11-24T12:00:00.000Z"
_STANDING: Final = {"state": "received", "since": _AT, "received_at": _AT}
ACCEPTED: Final[dict[str, Any]] = {
    "report_id": "6f1c3a52-9a0f-8c4e-9d0b-2f5a1e7c8b90",
    "receipt": _RECEIPT,
    "received_at": _AT,
    "proof": "eyJhbGciOiJFZERTQSIs….eyJjb250ZW50X21hcmsi….MEUCIQD…",
}
ANSWERS: Final[dict[str, dict[str, Any]]] = {
    "status": {
        **_STANDING,
        "state": "seen",
        "center": {"id": "busan", "name_ko": "부산디지털성범죄피해자지원센터", "name_en": "Busan centre"},
        "assigned_at": "2026-11-24T12:00:02.000Z",
        "seen_at": "2026-11-24T12:14:00.000Z",
    },
    "messages": {"number": 1, "at": _AT},
    "answers": {"answers": [{"number": 1, "at": _AT, "text": "오늘 저녁 7시 이후에 문자로 먼저 인사드릴게요."}]},
    "amend": {"number": 1, "at": _AT},
    "withdraw": {
        **_STANDING,
        "state": "withdrawn",
        "withdrawn_at": _AT,
        "undo_until": "2026-11-27T12:00:00.000Z",
        "erasure": "planned",
        "erase_at": "2026-11-27T12:00:00.000Z",
    },
    "reinstate": _STANDING,
    "hand-over": {"code": _CODE, "until": "2026-11-27T12:00:00.000Z"},
    "hand-over/cancel": {**_STANDING, "limited": True, "limited_because": "not_confirmed", "may_hand_over": True},
    "take-over": {"receipt": _RECEIPT, "taken_over_at": _AT},
    "word": {**_STANDING, "word_from": "2026-11-25T12:00:00.000Z"},
    "word/cancel": _STANDING,
}
"""Example answers of those operations."""
PROOF_KEY: Final[dict[str, Any]] = {
    "kid": "5f0c2e9a1b7d4e38",
    "algorithm": "Ed25519",
    "public_key": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
}


def answered(status: int, example: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    """An answer's example as FastAPI takes it."""
    return {status: {"content": {"application/json": {"example": example}}}}
