"""What an open report adds to its owner's load: the rule's table, written down a second time from the design."""

from typing import Any

BY_URGENCY = {"normal": 10, "high": 15, "critical": 20}


def weight_of(facts: dict[str, Any]) -> int:
    """In tenths of a normal case; a drill adds nothing."""
    return 0 if facts["synthetic"] else BY_URGENCY[facts["urgency"]]


def is_severe(facts: dict[str, Any]) -> bool:
    """Whether it is one of those of which a person may have only so many."""
    return facts["urgency"] == "critical" and not facts["synthetic"]
