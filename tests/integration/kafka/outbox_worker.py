"""A relay that dies between publishing and marking: ``python -m tests.integration.kafka.outbox_worker '{…}'``."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from shared.clock import SystemClock
from shared.kafka.publisher import Publisher
from shared.mongo import connect
from shared.outbox import Relay
from shared.settings import KafkaSettings, StoreSettings


class DyingRelay(Relay):
    async def _clear(self, published: Sequence[tuple[str, list[str], Mapping[str, Any]]]) -> None:
        os._exit(9)


async def main() -> None:
    plan = json.loads(sys.argv[1])
    publisher = Publisher(KafkaSettings(**plan["bus"]))
    await publisher.start()
    database = connect(StoreSettings(**plan["store"]), "outbox")
    await DyingRelay(database["things"], publisher, SystemClock(), name="dying").run()


if __name__ == "__main__":
    asyncio.run(main())
