"""``python -m shared.audit``: ``verify`` proves the audit of every service and says what is wrong; then ends with 1.

``key SERVICE`` prints a service's audit key, which follows from the verifier's; ``change-key`` lets logs that are still
written with the key all services shared go on under their own.
"""

import argparse
import asyncio
import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shared import log, mongo
from shared.audit import chain
from shared.audit.anchors import HEAD
from shared.audit.chain import AuditKeys, any_of, service_secret
from shared.audit.model import SERVICES, Anchor
from shared.audit.settings import VerifierSettings, former_of
from shared.audit.store import AuditLog
from shared.clock import SystemClock
from shared.errors import TransientError
from shared.key_setting import key_bytes
from shared.settings import StoreSettings, load

STORE_AWAY: Final = 2
"""Exit status where nothing could be proven: the store does not answer, or the folder of heads."""


def main(arguments: Sequence[str]) -> int:
    """0: nothing is wrong; 1: findings; 2: the store does not answer, or the folder of heads."""
    given = _parser().parse_args(arguments)
    log.configure("audit", "WARNING")
    settings = load(VerifierSettings)
    try:
        return int(given.run(given, settings))
    except (TransientError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return STORE_AWAY


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared.audit", description="Prove the audit logs.")
    commands = parser.add_subparsers(required=True)
    key = commands.add_parser("key", help="print a service's audit key: what <SERVICE>_AUDIT_KEY is to be")
    key.add_argument("service", choices=SERVICES)
    key.set_defaults(run=_key)
    change = commands.add_parser(
        "change-key", help="once no process of 0.2.0 is left: let every log go on under its service's own key"
    )
    change.set_defaults(run=lambda given, settings: asyncio.run(_change_key(load(StoreSettings), settings)))
    verify = commands.add_parser("verify", help="prove the chains; ends with 1 on findings")
    verify.add_argument("--service", action="append", choices=SERVICES, help="only this one; may be repeated")
    verify.add_argument(
        "--anchor",
        action="append",
        default=[],
        type=_anchor,
        metavar="SERVICE=ANCHOR",
        help="a signed head from the auditor's page or from the log stream (audit.head_signed); may be repeated",
    )
    verify.add_argument(
        "--heads", type=Path, metavar="FOLDER", help="heads last seen are compared and kept there (IEUM_AUDIT_HEADS)"
    )
    verify.set_defaults(
        run=lambda given, settings: asyncio.run(
            _verify(
                load(StoreSettings),
                settings,
                given.service or SERVICES,
                given.anchor,
                given.heads or settings.audit_heads,
            )
        )
    )
    return parser


def keys_of(settings: VerifierSettings, service: str) -> AuditKeys:
    """The keys of a service's audit, derived from the verifier's."""
    return AuditKeys(service_secret(key_bytes(settings.verifier_key), service), former_of(settings.audit_former_key))


def _key(given: argparse.Namespace, settings: VerifierSettings) -> int:
    secret = service_secret(key_bytes(settings.verifier_key), given.service)
    sys.stdout.write(f"{base64.b64encode(secret).decode()}\n")
    return 0


async def _change_key(store: StoreSettings, settings: VerifierSettings) -> int:
    for service in SERVICES:
        keys = keys_of(settings, service)
        audit = AuditLog(mongo.connect(store, service), keys, SystemClock(), service, settings.audit_heads)
        changed = await audit.change_key()
        sys.stdout.write(f"{service}: {'goes on under its own key' if changed else 'has its own key already'}\n")
    return 0


async def _verify(
    store: StoreSettings,
    settings: VerifierSettings,
    services: Sequence[str],
    anchors: Sequence[tuple[str, Anchor]],
    heads: Path | None,
) -> int:
    found = 0
    for service in services:
        keys = keys_of(settings, service)
        audit = AuditLog(mongo.connect(store, service), keys, SystemClock(), service, heads)
        before = await audit.head()
        findings = await audit.verify([anchor for name, anchor in anchors if name == service])
        head = await audit.head()
        found += len(findings)
        if findings:
            sys.stdout.write("".join(f"{service}: {finding}\n" for finding in findings))
        else:
            sys.stdout.write(f"{service}: {head.seq if head else 0} lines, nothing wrong\n")
            if before is not None and any(chain.is_genuine(one, service, HEAD, before) for one in any_of(keys)):
                # What was proven reaches at least so far.
                audit.heads.proven(before)
        if head is not None:
            sys.stdout.write(f"{service}: anchor {service}={chain.format_anchor(head)}\n")
    if heads is None:
        sys.stdout.write("no heads are kept outside the store (--heads): an older state of it would pass\n")
    return 1 if found else 0


def _anchor(text: str) -> tuple[str, Anchor]:
    service, _, anchor = text.partition("=")
    if service not in SERVICES:
        raise argparse.ArgumentTypeError("begins with no service's name")
    try:
        return service, chain.parse_anchor(anchor)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError("is no anchor") from None
