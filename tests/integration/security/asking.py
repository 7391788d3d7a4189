"""Asks a broker with one principal's credentials for everything it could be asked for; says what was granted.

Written against the protocol, not with the services' clients: those never ask for what they may not have.
"""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.admin import AlterConfigsRequest, CreateAclsRequest_v1, DeleteTopicsRequest_v1
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from shared.kafka.connection import client_options
from shared.settings import KafkaSettings
from tests.support.waiting import DEADLINE_S

_NODE: Final = 1
_MILLISECONDS: Final = int(DEADLINE_S * 1000)
REFUSED: Final = {
    error.errno
    for error in (ClusterAuthorizationFailedError, GroupAuthorizationFailedError, TopicAuthorizationFailedError)
}


class Asking:
    """``async with Asking(settings) as asking``."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.admin = AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=_MILLISECONDS)

    async def __aenter__(self) -> Self:
        await self.admin.start()
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        await self.admin.close()

    async def granted(self, topics: Sequence[str], groups: Sequence[str]) -> set[tuple[str, str]]:
        """Pairs of what could be done and to what."""
        found = {("read", name) for name in await self._reads(topics)}
        found |= {("write", name) for name in await self._writes(topics)}
        found |= {("offsets", name) for name in await self._offsets(topics)}
        found |= {("create", name) for name in await self._creates(topics)}
        found |= {("alter", name) for name in await self._alters(topics)}
        found |= {("grow", name) for name in await self._grows(topics)}
        found |= {("member", name) for name in groups if await self._joins(name)}
        found |= {("progress", name) for name in groups if await self._sees(name)}
        # Last: a topic that goes could not be asked about any more.
        return found | {("delete", name) for name in await self._deletes(topics)}

    async def create_acls(self, rows: Sequence[tuple[int, str, int, str, str, int, int]]) -> Any:
        """Grant rights by hand, as an operator with Kafka's own tools."""
        return await self._ask(_Exactly(CreateAclsRequest_v1(rows)))

    async def _ask(self, request: Any) -> Any:
        return await self.admin._send_request(request, _NODE)

    async def _reads(self, topics: Iterable[str]) -> list[str]:
        wanted = [(name, [(0, 0, 1024)]) for name in topics]
        answer = await self._ask(FetchRequest(1, 0, 1 << 20, 0, wanted))
        return [name for name, [(_, code, *_)] in answer.topics if code not in REFUSED]

    async def _writes(self, topics: Iterable[str]) -> list[str]:
        # Kafka takes what is whole: a batch of one record. One topic at a time, since some may refuse all.
        granted = []
        for name in topics:
            answer = await self._ask(ProduceRequest(None, -1, _MILLISECONDS, [(name, [(0, _batch())])]))
            [(_, [(_, code, *_)])] = answer.topics
            granted += [name] if code not in REFUSED else []
        return granted

    async def _offsets(self, topics: Iterable[str]) -> list[str]:
        answer = await self._ask(OffsetRequest(-1, 0, [(name, [(0, -1)]) for name in topics]))
        return [name for name, [(_, code, *_)] in answer.topics if code not in REFUSED]

    async def _creates(self, topics: Iterable[str]) -> list[str]:
        answer = await self.admin.create_topics([NewTopic(name, 1, 1) for name in topics])
        return [name for name, code, *_ in answer.topic_errors if code not in REFUSED]

    async def _deletes(self, topics: Iterable[str]) -> list[str]:
        request = _Exactly(DeleteTopicsRequest_v1(list(topics), _MILLISECONDS))
        answer = await self._ask(request)
        return [name for name, code in answer.topic_error_codes if code not in REFUSED]

    async def _alters(self, topics: Iterable[str]) -> list[str]:
        request = AlterConfigsRequest([(2, name, [("retention.ms", "1")]) for name in topics])
        answer = await self._ask(request)
        return [name for code, _, _, name in answer.resources if code not in REFUSED]

    async def _grows(self, topics: Iterable[str]) -> list[str]:
        granted = []
        for name in topics:
            try:
                await self.admin.create_partitions({name: NewPartitions(99)}, validate_only=True)
            except TopicAuthorizationFailedError:
                continue
            except KafkaError:
                pass
            granted.append(name)
        return granted

    async def _joins(self, group: str) -> bool:
        found = await self._ask(FindCoordinatorRequest(group, 0))
        beat = await self._ask(HeartbeatRequest(group, 1, "nobody"))
        return bool(beat.error_code not in REFUSED and found.error_code not in REFUSED)

    async def _sees(self, group: str) -> bool:
        answer = await self._ask(OffsetFetchRequest(group, None))
        return answer.error_code not in REFUSED


class _Exactly:
    """A request in one version."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def prepare(self, _: object) -> Any:
        return self._request


def _batch() -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=1024,
    )
    builder.append(0, None, b"key", b"value", [])
    return bytes(builder.build())
