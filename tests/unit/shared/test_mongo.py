"""Which errors of the store may pass."""

import pytest
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

from shared.errors import TransientError
from shared.mongo import store_errors

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
        OperationFailure("x", 13),
        BulkWriteError({"writeErrors": [{"code": 11000}], "writeConcernErrors": []}),
        BulkWriteError({"writeErrors": [{"code": 112}, {"code": 11000}], "writeConcernErrors": []}),
    ],
)
def test_what_would_fail_again_passes_through(error: PyMongoError) -> None:
    with pytest.raises(type(error)), store_errors():
        raise error
