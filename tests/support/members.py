"""Members of a group that were killed: gone at once, not when their session is over."""

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.group import LeaveGroupRequest

from shared.kafka.connection import group_name
from shared.settings import KafkaSettings


async def let_go(settings: KafkaSettings, group: str) -> None:
    """Remove every member of a group at once; the broker does so six seconds after it last heard of one.

    Only where all of them are dead: a living one would have to join again.
    """
    name = group_name(settings, group)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    try:
        coordinator = await admin.find_coordinator(name)
        [described] = await admin.describe_consumer_groups([name], coordinator)
        [[_, _, _, _, _, members, *_]] = described.groups
        for member_id, *_ in members:
            await admin._send_request(LeaveGroupRequest(name, member_id), coordinator)
    finally:
        await admin.close()
