"""``python -m shared.audit verify``: proves the audit of every service and says what is wrong; then ends with 1."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shared import log, mongo
from shared.audit import chain
from shared.audit.anchors import HEAD
from shared.audit.chain import AuditKeys
from shared.audit.model import Anchor
from shared.audit.settings import AuditSettings
from shared.audit.store import AuditLog
from shared.clock import SystemClock
from shared.errors import TransientError
from shared.settings import StoreSettings, load

SERVICES: Final = ("intake", "notify", "identity", "analytics")
"""Who keeps an audit."""
_AWAY: Final = 2


def main(arguments: Sequence[str]) -> int:
    """0: nothing is wrong; 1: findings; 2: the store does not answer, or the folder of heads."""
    parser = argparse.ArgumentParser(prog="python -m shared.audit", description="Prove the audit logs.")
    verify = parser.add_subparsers(required=True).add_parser("verify", help="prove the chains; ends with 1 on findings")
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
    given = parser.parse_args(arguments)
    log.configure("audit", "WARNING")
    store, settings = load(StoreSettings), load(AuditSettings)
    keys, heads = settings.audit_keys(), given.heads or settings.audit_heads
    try:
        return asyncio.run(_verify(store, keys, given.service or SERVICES, given.anchor, heads))
    except (TransientError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return _AWAY


async def _verify(
    store: StoreSettings,
    keys: AuditKeys,
    services: Sequence[str],
    anchors: Sequence[tuple[str, Anchor]],
    heads: Path | None,
) -> int:
    found = 0
    for service in services:
        audit = AuditLog(mongo.connect(store, service), keys, SystemClock(), service, heads)
        before = await audit.head()
        findings = await audit.verify([anchor for name, anchor in anchors if name == service])
        head = await audit.head()
        found += len(findings)
        if findings:
            sys.stdout.write("".join(f"{service}: {finding}\n" for finding in findings))
        else:
            sys.stdout.write(f"{service}: {head.seq if head else 0} lines, nothing wrong\n")
            if before is not None and chain.is_genuine(keys, service, HEAD, before):
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
