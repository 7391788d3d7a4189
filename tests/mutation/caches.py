"""What remembers answers in this process: a warm cache hides a mutant, and which tests reach a function."""

import functools
import gc


def found() -> "list[functools._lru_cache_wrapper[object]]":
    """Return every cache of a function that was imported."""
    # Each run of pytest hides from the collector what the runs before it had imported: tests/conftest.py.
    gc.unfreeze()
    # Some proxies answer to isinstance by importing what they stand for.
    return [known for known in gc.get_objects() if type(known) is functools._lru_cache_wrapper]
