"""What an open report adds to its owner's load: rule 2's table, written down a second time from the design."""

from typing import Any

BY_URGENCY = {"normal": 10, "high": 15, "critical": 20}
BY_HARM = {
    "child_material": 10,
    "distribution": 5,
    "synthesis": 5,
    "distribution_threat": 5,
    "online_grooming": 5,
    "body_cam_phishing": 5,
}
"""The heaviest of them is added."""
SEVERE_HARMS = {"child_material", "online_grooming"}


def weight_of(facts: dict[str, Any]) -> int:
    """In tenths of a normal case; a drill adds nothing."""
    if facts["synthetic"]:
        return 0
    urgency = "critical" if _critical(facts) else facts["urgency"]
    return BY_URGENCY[urgency] + max(BY_HARM.get(harm, 0) for harm in facts["harm_types"])


def is_severe(facts: dict[str, Any]) -> bool:
    """Whether it is one of those of which a person may have only so many."""
    return not facts["synthetic"] and (_critical(facts) or not SEVERE_HARMS.isdisjoint(facts["harm_types"]))


def _critical(facts: dict[str, Any]) -> bool:
    """A child's report is critical whatever it says of itself."""
    child = "child_material" in facts["harm_types"] or facts.get("age_band") == "under_14"
    return (
        child
        or facts["urgency"] == "critical"
        or not {"under_14", "child_material"}.isdisjoint(facts["urgency_reasons"])
    )
