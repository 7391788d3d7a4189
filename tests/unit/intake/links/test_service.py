"""The job that takes stored reports into the index of links."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest

from services.intake.encryption.keys import KeyedDigests
from services.intake.links.repository import LinkIndex
from services.intake.links.service import LinkService
from services.intake.reports.documents import Document
from shared.clock import SystemClock
from shared.errors import TransientError

NOW = datetime(2026, 11, 29, tzinfo=UTC)


class Index:
    """Notes what it is asked to take, and which reports it need not look for."""

    def __init__(self) -> None:
        self.tries: list[tuple[list[str], list[str]]] = []
        self.is_away = False

    async def index(self, documents: Sequence[Document], *, absent: Collection[str] = ()) -> None:
        self.tries.append(([document["_id"] for document in documents], sorted(absent)))
        if self.is_away:
            raise TransientError("the store is away")

    async def waiting(self, now: datetime) -> timedelta:
        del now
        return timedelta()


async def test_the_index_is_asked_about_a_report_unless_it_is_new_and_was_never_tried() -> None:
    index = Index()
    service = LinkService(cast("LinkIndex", index), KeyedDigests(bytes(32)), SystemClock())
    service.enqueue("new", ["digest"], NOW, new=True)
    service.enqueue("added-to", ["digest"], NOW)
    index.is_away = True
    with pytest.raises(TransientError):
        await service.index()
    index.is_away = False
    await service.index()
    assert index.tries == [(["new", "added-to"], ["new"]), (["new", "added-to"], [])]
