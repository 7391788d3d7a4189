"""Parse a front end's remaining requests from the header fields ``RateLimit-Policy`` and ``RateLimit``."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_POLICY: Final = re.compile(r'^"([^"]*)";q=(\d+);w=(\d+)$')
_LEFT: Final = re.compile(r'^"([^"]*)";r=(\d+);t=(\d+)$')


class RateLimit(NamedTuple):
    """As the server told it with its last answer."""

    limit: int
    """Requests in a window."""
    window_s: int
    remaining: int
    full_in_s: int
    """Seconds until the whole limit is there again, if nothing is sent."""


def rate_limit_of(headers: Mapping[str, str]) -> RateLimit | None:
    """Parse an answer's rate limit; None if it has none, as for ``getProofKey``."""
    policy = _POLICY.match(headers.get("ratelimit-policy", ""))
    left = _LEFT.match(headers.get("ratelimit", ""))
    if policy is None or left is None or policy[1] != left[1]:
        return None
    return RateLimit(int(policy[2]), int(policy[3]), int(left[2]), int(left[3]))
