"""Where published yearly figures are kept: one document per printed figure, replaced whole or not at all."""

from collections.abc import Iterable

from services.analytics.counting.repository import Database
from services.analytics.dashboard.history import PublishedFigure
from shared.mongo import store_errors


async def replace_history(database: Database, rows: Iterable[PublishedFigure]) -> int:
    """Put these figures in place of those that are there, in one transaction; how many there were before."""
    documents = [{"_id": row.line, **row.to_document()} for row in rows]
    with store_errors():
        async with await database.client.start_session() as session, session.start_transaction():
            removed = await database.history.delete_many({}, session=session)
            await database.history.insert_many(documents, session=session)
    return removed.deleted_count


async def history(database: Database) -> list[PublishedFigure]:
    """All figures, in the order of their file."""
    with store_errors():
        documents = await database.history.find({}, {"_id": 0}).to_list(None)
    return sorted((PublishedFigure(**document) for document in documents), key=lambda row: row.line)
