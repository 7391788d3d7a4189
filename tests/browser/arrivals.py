"""Each new page is waited for: a test that goes on before it is there is told, however quick the page came.

A key is pressed and a link is clicked before the page they lead to is there. What a test looks for next is often on the
page before as well; whether it looks at that one, at half of the new one or at the whole depends on how quick the
machine is. So every page comes by ``goto`` and its like, or by ``follow`` of the helpers.
"""

import contextlib
import functools
import inspect
from collections.abc import Iterator
from typing import Any, Final

from playwright import async_api, sync_api

_WAIT: Final = ("goto", "reload", "go_back", "go_forward")
"""Methods of a page that return when the new one is there."""
_OURS: Final = ("http://127.0.0.1", "http://localhost")
_waited: Final[list[object]] = []
_surprises: Final[list[str]] = []


@contextlib.contextmanager
def awaited(page: object) -> Iterator[None]:
    """Within it whoever leads the page elsewhere waits for where that leads."""
    _waited.append(page)
    try:
        yield
    finally:
        _waited.remove(page)


def watch(browser: async_api.Browser | sync_api.Browser) -> None:
    """Notice the pages that come in this browser."""

    # One for each browser: Playwright remembers of a function whether it is given objects with a loop or without.
    def came(page: Any) -> None:
        if page.url.startswith(_OURS) and page not in _waited:
            _surprises.append(page.url)

    opened: Any = browser
    opened.on("context", lambda context: context.on("page", lambda page: page.on("domcontentloaded", came)))


def surprises() -> list[str]:
    """The addresses of pages that came without anybody waiting since this was last asked."""
    found = list(_surprises)
    _surprises.clear()
    return found


def _waits(kind: type, name: str) -> None:
    method = getattr(kind, name)

    @functools.wraps(method)
    def call(page: object, *given: object, **named: object) -> object:
        with awaited(page):
            return method(page, *given, **named)

    @functools.wraps(method)
    async def call_async(page: object, *given: object, **named: object) -> object:
        with awaited(page):
            return await method(page, *given, **named)

    setattr(kind, name, call_async if inspect.iscoroutinefunction(method) else call)


for _name in _WAIT:
    _waits(async_api.Page, _name)
    _waits(sync_api.Page, _name)
