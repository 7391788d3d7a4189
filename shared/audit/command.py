"""``python -m shared.audit``: ``verify`` proves the audit of every service and says what is wrong; then ends with 1.

It compares each with every anchor that was published (topic ``audit-anchors``, copied to ``IEUM_AUDIT_ANCHORS``).
``restored`` notes what a restore from a backup lost. ``key SERVICE`` prints a service's audit key, which follows from
the verifier's.
"""

import argparse
import asyncio
import base64
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from shared import log, mongo
from shared.audit import chain, published
from shared.audit.anchors import CHECKPOINT, HEAD
from shared.audit.chain import AuditKeys, service_secret
from shared.audit.model import SERVICES, SYSTEM, Anchor, AuditEntry
from shared.audit.published import AnchorFile, PublishedAnchors
from shared.audit.settings import VerifierSettings
from shared.audit.store import RESTORED, AuditLog
from shared.clock import SystemClock
from shared.errors import FatalError, TransientError
from shared.key_setting import key_bytes
from shared.settings import KafkaSettings, StoreSettings, load

STORE_AWAY: Final = 2
"""Exit status where nothing could be proven: the store, Kafka or the folder of heads does not answer."""
_NAME: Final = re.compile(r"[\w.-]{1,80}", re.ASCII)


def main(arguments: Sequence[str]) -> int:
    """0: nothing is wrong; 1: findings; 2: the store, Kafka or the folder of heads does not answer."""
    given = _parser().parse_args(arguments)
    log.configure("audit", "WARNING")
    try:
        return int(given.run(given))
    except (TransientError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return STORE_AWAY
    except FatalError as error:  # the topic of anchors is not the one it was
        sys.stderr.write(f"topic_cut: {error}\n")
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared.audit", description="Prove the audit logs.")
    commands = parser.add_subparsers(required=True)
    key = commands.add_parser("key", help="print a service's audit key: what <SERVICE>_AUDIT_KEY is to be")
    key.add_argument("service", choices=SERVICES)
    key.set_defaults(run=_key)
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
    verify.add_argument(
        "--without-topic", action="store_true", help="do not ask Kafka for published anchors: proves less"
    )
    verify.add_argument(
        "--stopped", action="store_true", help="the services do not run: lines may wait for their anchor (in a restore)"
    )
    verify.set_defaults(run=lambda given: asyncio.run(_verify(load(StoreSettings), load(VerifierSettings), given)))
    restored = commands.add_parser(
        "restored",
        help="note that a backup was put back: lines that anchors know and it does not hold are lost, not cut off",
    )
    restored.add_argument("--backup", required=True, type=_name, help="its name")
    restored.set_defaults(
        run=lambda given: asyncio.run(_restored(load(StoreSettings), load(VerifierSettings), given.backup))
    )
    return parser


def keys_of(settings: VerifierSettings, service: str) -> AuditKeys:
    """The keys of a service's audit, derived from the verifier's."""
    return AuditKeys(service_secret(key_bytes(settings.verifier_key), service))


def verifier_keys(settings: VerifierSettings) -> AuditKeys:
    """The keys the verifier itself signs with: what a restore kept."""
    return AuditKeys(service_secret(key_bytes(settings.verifier_key), "verifier"))


def _key(given: argparse.Namespace) -> int:
    secret = service_secret(key_bytes(load(VerifierSettings).verifier_key), given.service)
    sys.stdout.write(f"{base64.b64encode(secret).decode()}\n")
    return 0


async def _restored(store: StoreSettings, settings: VerifierSettings, backup: str) -> int:
    """Publish for every log where it ends now, signed by the verifier, and write a line about it into the log."""
    bus, clock = load(KafkaSettings), SystemClock()
    for service in SERVICES:
        keys = keys_of(settings, service)
        audit = AuditLog(mongo.connect(store, service), keys, clock, service, settings.audit_heads)
        if findings := await audit.verify():
            sys.stdout.write("".join(f"{service}: {finding}\n" for finding in findings))
            return 1
        seq, mac = await audit.end()
        kept = Anchor(seq, mac, clock.now(), "")
        line = published.restore_line(verifier_keys(settings), service, kept, backup)
        await published.send(bus, service, line)
        if settings.audit_anchors is not None:
            AnchorFile(settings.audit_anchors).append([line])
        if seq:
            entry = AuditEntry(at=clock.now(), action=RESTORED, where=service, actor=SYSTEM, detail={"backup": backup})
            await audit.append(entry)
        sys.stdout.write(f"{service}: restored up to line {seq}\n")
    return 0


async def _published(settings: VerifierSettings, *, ask_kafka: bool) -> tuple[dict[str, PublishedAnchors], list[str]]:
    """What was published, by service, from the topic and from the copy of it; and what is wrong with these."""
    keys, verifier = {service: keys_of(settings, service) for service in SERVICES}, verifier_keys(settings)
    since = published.counts_since(SystemClock().now())
    lines = await published.read(load(KafkaSettings), since) if ask_kafka else []
    copied: list[str] = []
    file = AnchorFile(settings.audit_anchors) if settings.audit_anchors is not None else None
    if file is not None:
        copied = file.lines(since)
    found, foreign = published.parse([*copied, *lines], keys, verifier)
    if file is not None:
        file.append(published.to_copy(lines, foreign, copied), copied)
    findings, in_topic = [], set(lines)
    if new := set(foreign) - set(copied):
        findings.append(f"foreign: {len(new)} lines of the topic of anchors are no anchors of the services they name")
    if ask_kafka:
        findings += [
            f"topic_cut: {missing} published anchors of {service} are not in the topic any more"
            for service, all_of_it in found.items()
            if (missing := all_of_it.missing_in(in_topic))
        ]
    return found, findings


async def _verify(store: StoreSettings, settings: VerifierSettings, given: argparse.Namespace) -> int:
    heads = given.heads or settings.audit_heads
    outside, problems = await _published(settings, ask_kafka=not given.without_topic)
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    found = len(problems)
    for service in given.service or SERVICES:
        keys = keys_of(settings, service)
        audit = AuditLog(mongo.connect(store, service), keys, SystemClock(), service, heads)
        before = await audit.head()
        noted = [anchor for name, anchor in given.anchor if name == service]
        findings = await audit.verify(noted, outside[service].expected())
        early = outside[service].removed_early(await audit.anchors.get(CHECKPOINT), SystemClock().now())
        findings += [early] if early is not None else []
        if not (given.without_topic or given.stopped):
            waiting = await audit.oldest_after(outside[service].reached())
            silent = outside[service].silent(waiting, SystemClock().now())
            findings += [silent] if silent is not None else []
        if lost := outside[service].lost():
            last, upto = outside[service].restores[-1], max(anchor.seq for anchor in lost)
            noted_at = last.kept.at.isoformat(timespec="seconds")
            sys.stdout.write(
                f"{service}: lines up to {upto} were lost in a restore; that of {last.backup} was noted at {noted_at}\n"
            )
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


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("is no name of a backup: letters, digits, . _ -")
    return text


def _anchor(text: str) -> tuple[str, Anchor]:
    service, _, anchor = text.partition("=")
    if service not in SERVICES:
        raise argparse.ArgumentTypeError("begins with no service's name")
    try:
        return service, chain.parse_anchor(anchor)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError("is no anchor") from None
