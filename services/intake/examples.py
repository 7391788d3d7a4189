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
