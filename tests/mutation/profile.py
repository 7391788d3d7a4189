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


_caches: "list[functools._lru_cache_wrapper[object]]" = []


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find what remembers answers, once everything is imported: in the first run, whose copies the others are."""
    if not _caches:
        # By type: some proxies answer to isinstance by importing what they stand for.
        _caches[:] = [known for known in gc.get_objects() if type(known) is functools._lru_cache_wrapper]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget: a warm cache hides a mutant, and which tests reach a function."""
    for cache in _caches:
        cache.cache_clear()
