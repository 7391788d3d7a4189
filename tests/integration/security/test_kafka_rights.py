"""Everything every principal could ask of Kafka is tried: granted is what the table says, and nothing else."""

import re
import socket
import ssl
import stat
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from shared.errors import FatalError, TransientError
from shared.kafka.access import BY_NAME, PRINCIPALS, Operation, Resource
from shared.kafka.diagnosis import refusal
from shared.kafka.provision import _granted, provision, set_passwords
from shared.kafka.reader import PartitionReader
from shared.topics import AUDIT_ANCHORS, REPORTS, TOPICS
from tests.integration.clients.test_consumers import go, java, python
from tests.integration.security.asking import Asking
from tests.integration.security.conftest import SettingsOf
from tests.support.commands import LIMIT_S, failed
from tests.support.waiting import DEADLINE_S, eventually, eventually_blocking
from tools.local.certificates import ADMIN, Certificates
from tools.local.engines import Engines
from tools.local.keys import new_key

pytestmark = pytest.mark.engines
NAMES = [AUDIT_ANCHORS.name, *(name for topic in TOPICS for name in (topic.name, topic.dead))]
GROUPS = sorted({group for principal in PRINCIPALS for group in principal.groups})
_WORDS = {
    (Resource.TOPIC, Operation.READ): ("read", "offsets"),
    (Resource.TOPIC, Operation.WRITE): ("write", "offsets"),
    (Resource.TOPIC, Operation.DESCRIBE): ("offsets",),
    (Resource.GROUP, Operation.READ): ("member", "progress"),
    (Resource.GROUP, Operation.DESCRIBE): ("progress",),
}


@pytest.mark.parametrize("name", BY_NAME)
async def test_a_principal_may_do_what_the_table_says_and_nothing_else(name: str, settings_of: SettingsOf) -> None:
    wanted = {(word, acl.name) for acl in BY_NAME[name].acls() for word in _WORDS[acl.resource, acl.operation]}
    async with Asking(settings_of(name)) as asking:
        granted = await asking.granted([*NAMES, "nothing-of-ours"], [*GROUPS, "a-group-of-nobody"])
    assert granted == wanted


@pytest.mark.parametrize("name", BY_NAME)
async def test_nobody_but_the_administrator_grants_rights_or_sets_passwords(name: str, settings_of: SettingsOf) -> None:
    async with Asking(settings_of(name)) as asking:
        with pytest.raises(FatalError, match="ClusterAuthorizationFailedError"):
            await set_passwords(asking.admin, {"analytics": new_key()}, 10)
    settings = settings_of(name)
    with pytest.raises(FatalError, match="ClusterAuthorizationFailedError"):
        await provision(settings, {})


def test_no_port_lets_anybody_in_without_credentials(secured: Engines) -> None:
    assert secured.security is not None
    certificates = secured.security.certificates
    client, internal, controller = secured.kafka_ports
    anonymous = ssl.create_default_context(cafile=certificates.authority)
    for port in (client, internal, controller):
        assert not metadata_of(port, None), f"port {port}: plain"
        assert not metadata_of(port, anonymous), f"port {port}: TLS, nobody named"
    known = ssl.create_default_context(cafile=certificates.authority)
    known.load_cert_chain(certificates.certificate(ADMIN), certificates.key(ADMIN))
    eventually_blocking(lambda: metadata_of(internal, known), "the question itself is one that is answered")
    stranger = Certificates(certificates.folder / "stranger")
    stranger.ensure()
    forged = ssl.create_default_context(cafile=certificates.authority)
    forged.load_cert_chain(stranger.certificate(ADMIN), stranger.key(ADMIN))
    assert not metadata_of(internal, forged), "an administrator of another authority"
    assert not metadata_of(controller, forged), "an administrator of another authority"


def metadata_of(port: int, context: ssl.SSLContext | None) -> bool:
    """Whether a port tells which topics there are."""
    body = struct.pack(">hhih", 3, 4, 1, -1) + struct.pack(">i?", -1, False)  # Metadata, version 4, every topic
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_S) as plain:
            connection = context.wrap_socket(plain, server_hostname="127.0.0.1") if context is not None else plain
            with connection:
                connection.sendall(struct.pack(">i", len(body)) + body)
                return connection.recv(8)[4:] == struct.pack(">i", 1)  # not a few bytes that say no, as TLS does
    except OSError:
        return False


def test_every_port_listens_on_this_machine_alone(secured: Engines) -> None:
    pid = secured.pids["kafka"]
    listening = {c.laddr.ip for c in psutil.Process(pid).net_connections("inet") if c.status == psutil.CONN_LISTEN}
    assert {ip.removeprefix("::ffff:") for ip in listening} == {"127.0.0.1"}


def test_keys_are_for_their_owner_alone(secured: Engines) -> None:
    assert secured.security is not None
    folder = secured.security.certificates.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_file()}
    assert len(found) == 12
    assert "passwords.env" in found
    assert set(found.values()) == {0o600}


async def test_each_mistake_of_an_operator_is_one_line(
    secured: Engines, settings_of: SettingsOf, tmp_path: Path
) -> None:
    good = settings_of("intake")
    assert await refusal(good) is None
    stranger = Certificates(tmp_path)
    stranger.ensure()
    assert secured.security is not None
    wrong: dict[str, dict[str, object]] = {
        "KAFKA_SSL_CAFILE": {"ssl_cafile": stranger.authority},
        "KAFKA_SASL_PASSWORD": {"sasl_password": SecretStr(new_key())},
        "KAFKA_SASL_USERNAME": {"sasl_username": "intakes"},
        "KAFKA_SASL_MECHANISM": {"sasl_mechanism": "SCRAM-SHA-256"},
        "KAFKA_SECURITY_PROTOCOL": {"security_protocol": "PLAINTEXT"},
    }
    for setting, change in wrong.items():
        mistaken = good.model_copy(update=change)
        # None says that no answer came in time, too.
        line = await eventually(partial(refusal, mistaken), f"{setting} is refused")
        assert setting in line
        assert "\n" not in line
        assert all(word in line for word in ("found", "expected", "example"))
        assert not any(password in line for password in secured.security.kafka_passwords().values())


async def test_passwords_and_rights_can_be_set_again_while_somebody_is_connected(
    secured: Engines, settings_of: SettingsOf
) -> None:
    before = settings_of("recount")
    async with Asking(before) as asking:
        assert ("read", "loads") in await asking.granted(["loads"], [])  # so that the connection stands
        fresh = new_key()
        changed = await provision(secured.administrator(), {"recount": fresh})
        assert changed == []
        assert ("read", "loads") in await asking.granted(["loads"], [])
    now = before.model_copy(update={"sasl_password": SecretStr(fresh)})

    async def known() -> bool:
        return await refusal(now) is None and await refusal(before) is not None

    await eventually(known)
    assert secured.security is not None
    await provision(secured.administrator(), secured.security.kafka_passwords())


async def test_rights_that_the_table_does_not_give_are_taken_away(secured: Engines, settings_of: SettingsOf) -> None:
    row = (2, "reports", 3, "User:analytics", "*", int(Operation.WRITE), 3)
    everything = (4, "kafka-cluster", 3, "User:analytics", "*", 2, 3)
    async with Asking(secured.administrator()) as asking:
        answer = await asking.create_acls([row, everything])
        assert [code for code, _ in answer.creation_responses] == [0, 0]

        async def known() -> bool:
            return {row, everything} <= await _granted(asking.admin, DEADLINE_S)

        await eventually(known, "the broker has heard of them from its controller")
    lines = await provision(secured.administrator(), {})
    assert len(lines) == 2
    assert all(line.startswith("taken away User:analytics") for line in lines)
    assert await provision(secured.administrator(), {}) == []


@pytest.mark.timeout(2 * LIMIT_S)
@pytest.mark.parametrize("consumer", [python, java, go])
def test_a_reference_consumer_says_that_its_user_may_not_read(
    settings_of: SettingsOf, tmp_path: Path, consumer: Callable[[], list[str | Path]]
) -> None:
    settings = settings_of("verifier")
    assert settings.sasl_username
    assert settings.sasl_password is not None
    done = failed(
        consumer(),
        tmp_path,
        KAFKA_BOOTSTRAP_SERVERS=settings.bootstrap_servers,
        KAFKA_SECURITY_PROTOCOL=settings.security_protocol,
        KAFKA_SASL_USERNAME=settings.sasl_username,
        KAFKA_SASL_PASSWORD=settings.sasl_password.get_secret_value(),
        KAFKA_SSL_CAFILE=str(settings.ssl_cafile),
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search("(?i)TopicAuthorizationFailed|not authorized to access topics", done.stderr), done.stderr
    assert "Unclosed" not in done.stderr


async def test_who_reads_partitions_of_a_topic_they_may_not_read_is_told_so_at_once(settings_of: SettingsOf) -> None:
    """aiokafka itself waits for their leader for ever, and tells of no error."""
    reader = PartitionReader(settings_of("partner"), REPORTS)
    await reader.start()
    try:
        with pytest.raises(TransientError, match="TopicAuthorizationFailedError"):
            await reader.ends([0])
        with pytest.raises(TransientError, match="TopicAuthorizationFailedError"):
            [record async for record in reader.read({0: (0, 1)})]
    finally:
        await reader.stop()
