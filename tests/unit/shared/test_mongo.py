"""Which errors of the store may pass, and a start that waits for them to."""

import asyncio
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from pymongo import ReadPreference
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    CursorNotFound,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WriteConcernError,
    WTimeoutError,
)
from structlog.testing import capture_logs

from shared.errors import FatalError, TransientError
from shared.mongo import Document, connect, insert_new, store_errors, until_done
from shared.settings import StoreSettings
from tests.support.clock import ManualClock

LABELLED = OperationFailure("x", 1, {"errorLabels": ["TransientTransactionError"]})


@pytest.mark.parametrize(
    "error",
    [
        AutoReconnect("x"),
        NetworkTimeout("x"),
        ServerSelectionTimeoutError("x"),
        NotPrimaryError("x"),
        ExecutionTimeout("x", 50),
        WTimeoutError("x"),
        WriteConcernError("x"),
        OperationFailure("x", 112),
        CursorNotFound("x", 43),
        OperationFailure("x", 13),  # an operator's mistake, and no record's
        OperationFailure("x", 18),  # also a password that was changed a moment before its process is told
        OperationFailure("internal server error", 1),  # what the embedded store says of a full disk
        OperationFailure("x", 14031),  # what MongoDB says of it
        BulkWriteError({"writeErrors": [{"code": 14031}], "writeConcernErrors": []}),
        LABELLED,
        BulkWriteError({"writeErrors": [{"code": 112}], "writeConcernErrors": []}),
        BulkWriteError({"writeErrors": [], "writeConcernErrors": [{"code": 64}]}),
    ],
)
def test_what_may_pass_is_transient_and_does_not_repeat_the_document(error: PyMongoError) -> None:
    with pytest.raises(TransientError) as raised, store_errors():
        raise error
    assert type(error).__name__ in str(raised.value)


@pytest.mark.parametrize(
    "error",
    [
        DuplicateKeyError("x", 11000),
        BulkWriteError({"writeErrors": [{"code": 11000}], "writeConcernErrors": []}),
        BulkWriteError({"writeErrors": [{"code": 112}, {"code": 11000}], "writeConcernErrors": []}),
    ],
)
def test_what_would_fail_again_passes_through(error: PyMongoError) -> None:
    with pytest.raises(type(error)), store_errors():
        raise error


class Inserting:
    def __init__(self, error: PyMongoError | None = None) -> None:
        self.documents: list[Document] = []
        self._error = error

    async def insert_one(self, document: Document) -> None:
        if self._error is not None:
            raise self._error
        self.documents.append(document)


async def test_a_document_is_inserted_unless_what_is_unique_of_it_is_taken() -> None:
    collection = Inserting()
    assert await insert_new(collection, {"_id": "a"})  # type: ignore[arg-type]  # all that it asks of one
    assert collection.documents == [{"_id": "a"}]
    assert not await insert_new(Inserting(DuplicateKeyError("x", 11000)), {})  # type: ignore[arg-type]  # as above
    with pytest.raises(TransientError):
        await insert_new(Inserting(AutoReconnect("x")), {})  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    "asked",
    [
        "readPreference=secondaryPreferred",
        "readPreference=secondary&readPreferenceTags=dc:seoul",
        "readPreference=nearest&maxStalenessSeconds=120",
        "w=1",
        "journal=false",
        "readConcernLevel=local",
    ],
)
async def test_a_uri_cannot_ask_for_less_than_what_is_durable_and_newest(asked: str) -> None:
    database = connect(StoreSettings(uri=SecretStr(f"mongodb://127.0.0.1:1/?{asked}")), "intake")
    try:
        assert database.read_preference == ReadPreference.PRIMARY
        assert database.read_concern.level == "majority"
        assert database.write_concern.document == {"w": "majority", "j": True, "wtimeout": 10_000}
    finally:
        database.client.close()


async def test_a_start_waits_for_a_store_that_is_slow_and_says_so() -> None:
    answers: list[Exception | None] = [NetworkTimeout("x"), TransientError("store: AutoReconnect"), None]
    clock = ManualClock(datetime(2026, 1, 1, tzinfo=UTC))

    async def step() -> None:
        if (error := answers.pop(0)) is not None:
            raise error

    with capture_logs() as said:
        done = asyncio.create_task(until_done(step, clock, "preparing the store"))
        async with asyncio.timeout(10):
            while not done.done():
                await clock.advance(60)
                await asyncio.sleep(0)
        await done
    assert answers == []
    assert [(line["event"], line["operation"]) for line in said] == [("store.waiting", "preparing the store")] * 2


async def test_a_start_does_not_wait_for_what_would_fail_again() -> None:
    async def step() -> None:
        raise FatalError("a newer build counted here")

    with pytest.raises(FatalError):
        await until_done(step, ManualClock(datetime(2026, 1, 1, tzinfo=UTC)), "preparing the store")
