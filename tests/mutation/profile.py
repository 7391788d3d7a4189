"""A pytest plugin: hypothesis tries the same examples every time, and no cache is warm: a mutant's fate is no luck."""

import functools

import pytest
from hypothesis import HealthCheck, settings

from tests.mutation import caches

settings.register_profile(
    "mutation",
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
settings.load_profile("mutation")


_caches: "list[functools._lru_cache_wrapper[object]]" = []


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find what remembers answers, once everything is imported."""
    _caches[:] = caches.found()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget: a warm cache hides a mutant, and which tests reach a function."""
    for cache in _caches:
        cache.cache_clear()
