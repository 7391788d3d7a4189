"""A pytest plugin: hypothesis tries the same examples every time, and no cache is warm: a mutant's fate is no luck."""

import functools
import gc

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "mutation",
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutation")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Each mutant runs in a fork of a process whose caches hold what the rule itself answered."""
    for found in gc.get_objects():
        # Some proxies answer to isinstance by importing what they stand for.
        if type(found) is functools._lru_cache_wrapper:
            found.cache_clear()
