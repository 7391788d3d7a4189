"""Make topics, users and ACLs on a cluster as the tables say: ``ieum provision --passwords FOLDER``.

It needs an administrator's credentials (``KAFKA_*``). The folder has one file for each principal, named like it, which
holds its password. It may be run again at any time: what is missing is added, what the tables do not say of these
principals is taken away, passwords become those of the files. Open connections stay open.
"""

import asyncio
import hashlib
import secrets
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import CreateAclsRequest_v1, DeleteAclsRequest_v1, DescribeAclsRequest_v1
from aiokafka.protocol.api import RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from shared import log
from shared import settings as configuration
from shared.errors import FatalError, IeumError, TransientError
from shared.kafka.access import BY_NAME, Acl, Operation, Resource, all_acls
from shared.kafka.admin import ensure_topics
from shared.kafka.connection import bounded, client_options
from shared.settings import TOKEN_LENGTH, KafkaSettings

_log = log.get(__name__)

_ANY: Final = 1
_LITERAL: Final = 3
_ALLOW: Final = 3
_SCRAM_SHA_512: Final = 2
_ITERATIONS: Final = 4096
"""The fewest Kafka takes. Passwords are random and long: stretching them protects nothing and costs each connection."""
_SALT_BYTES: Final = 32
_LOOK_AGAIN_SECONDS: Final = 0.05


class _AlterUsersResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterUsersRequest(RequestStruct):  # type: ignore[misc]  # aiokafka ships no types
    """AlterUserScramCredentials, which aiokafka does not have (KIP-554)."""

    FLEXIBLE_VERSION = True
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _AlterUsersResponse
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Exactly:
    """A request in the one version that is written here."""

    def __init__(self, request: Any) -> None:  # noqa: ANN401  # aiokafka ships no types
        self._request = request

    def prepare(self, _: Mapping[int, tuple[int, int]]) -> Any:  # noqa: ANN401  # aiokafka ships no types
        return self._request


async def provision(settings: KafkaSettings, passwords: Mapping[str, str]) -> list[str]:
    """Make the topics, the ACLs and the users of ``passwords``; returns a line for each thing that was changed.

    Raises ``TransientError`` while the cluster does not answer, ``FatalError`` where it refuses.
    """
    await ensure_topics(settings)
    limit = settings.call_timeout_s
    admin = AIOKafkaAdminClient(**client_options(settings), request_timeout_ms=int(limit * 1000))
    try:
        await bounded(admin.start(), limit, "connecting the admin client")
        await set_passwords(admin, passwords, limit)
        changed = await _set_acls(admin, all_acls(settings.topic_prefix), settings.topic_prefix, limit)
    except KafkaError as error:
        raise TransientError(f"kafka: granting rights failed: {type(error).__name__}") from error
    finally:
        await bounded(admin.close(), limit, "closing the admin client")
    return changed


async def set_passwords(admin: AIOKafkaAdminClient, passwords: Mapping[str, str], limit: float) -> None:
    """Give each principal its password; connections that stand go on."""
    users: list[tuple[Any, ...]] = []
    for name, password in passwords.items():
        salt = secrets.token_bytes(_SALT_BYTES)
        salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
        users.append((name, _SCRAM_SHA_512, _ITERATIONS, salt, salted, {}))
    response = await _asked(admin, _AlterUsersRequest([], users, {}), limit, "setting passwords")
    for user, code, message, _ in response.results:
        _refuse(code, f"the password of {user}", message)


async def _set_acls(admin: AIOKafkaAdminClient, wanted: Collection[Acl], prefix: str, limit: float) -> list[str]:
    rows = {_row(acl) for acl in wanted}
    found = await _granted(admin, limit)
    ours = {f"User:{name}" for name in BY_NAME}
    missing = sorted(rows - found)
    # Of another deployment on the same cluster are those that do not begin with this one's prefix.
    surplus = sorted(row for row in found - rows if row.principal in ours and row.name.startswith(prefix))
    if missing:
        request = CreateAclsRequest_v1(missing)
        for code, message in (await _asked(admin, request, limit, "granting rights")).creation_responses:
            _refuse(code, "a right", message)
    if surplus:
        request = DeleteAclsRequest_v1(surplus)
        for code, message, _ in (await _asked(admin, request, limit, "taking rights away")).filter_responses:
            _refuse(code, "the end of a right", message)
    if missing or surplus:
        await bounded(_until(admin, rows, surplus, limit), limit, "waiting for the rights")
        _log.info("kafka.rights_changed", granted=len(missing), removed=len(surplus))
    return [f"granted {row}" for row in missing] + [f"taken away {row}" for row in surplus]


async def _until(admin: AIOKafkaAdminClient, there: set["_Row"], gone: Collection["_Row"], limit: float) -> None:
    """Brokers learn of a change, and of the passwords set before it, a moment after the controller has made it."""
    while True:
        found = await _granted(admin, limit)
        if there <= found and found.isdisjoint(gone):
            return
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)


class _Row(NamedTuple):
    """An ACL as the protocol has it."""

    resource: int
    name: str
    pattern: int
    principal: str
    host: str
    operation: int
    permission: int

    def __str__(self) -> str:
        kinds, operations = {int(r): r.name for r in Resource}, {int(o): o.name for o in Operation}
        what = f"{kinds.get(self.resource, self.resource)} {self.name}"
        return f"{self.principal}: {operations.get(self.operation, self.operation)} {what}"


async def _granted(admin: AIOKafkaAdminClient, limit: float) -> set[_Row]:
    request = DescribeAclsRequest_v1(_ANY, None, _ANY, None, None, _ANY, _ANY)
    response = await _asked(admin, request, limit, "asking for the rights")
    _refuse(response.error_code, "a list of rights", response.error_message)
    return {_Row(kind, name, pattern, *acl) for kind, name, pattern, acls in response.resources for acl in acls}


def _row(acl: Acl) -> _Row:
    return _Row(int(acl.resource), acl.name, _LITERAL, f"User:{acl.principal}", "*", int(acl.operation), _ALLOW)


async def _asked(admin: AIOKafkaAdminClient, request: Any, limit: float, what: str) -> Any:  # noqa: ANN401  # aiokafka ships no types
    return await bounded(admin._send_to_controller(_Exactly(request)), limit, what)  # nothing public sends these


def _refuse(code: int, what: str, message: str | None) -> None:
    if code != 0:
        raise FatalError(f"kafka refuses {what}: {for_code(code).__name__} {message or ''}".rstrip())


def read_passwords(folder: Path) -> dict[str, str]:
    """One file for each principal. Raises ``FatalError`` naming every file that is missing or too short."""
    found, wrong = {}, []
    for name in BY_NAME:
        file = folder / name
        text = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
        if len(text) < TOKEN_LENGTH:
            state = f"{len(text)} characters" if file.is_file() else "no file"
            wrong.append(
                f"--passwords: found {state} at {file}; expected at least {TOKEN_LENGTH} characters;"
                f" example: openssl rand -hex 32 > {file}"
            )
        found[name] = text
    if wrong:
        raise FatalError("\n".join(wrong))
    return found


def main(folder: Path) -> int:
    """Run; exit status 1 with one line where it cannot be done."""
    try:
        passwords = read_passwords(folder)
        changed = asyncio.run(provision(configuration.load(KafkaSettings), passwords))
    except IeumError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in changed) + f"{len(passwords)} users have their passwords\n")
    return 0
