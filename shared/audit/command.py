"""``ieum audit``: ``verify`` proves the audit of every service and says what is wrong; then ends with 1.

It compares each with every anchor that was published (topic ``audit-anchors``, copied to ``IEUM_AUDIT_ANCHORS``).
``restored`` notes what a restore from a backup lost. ``key SERVICE`` prints a service's audit key, which follows from
the verifier's.
"""

import asyncio
import base64
import re
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

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
from shared.process import EXIT_AWAY
from shared.settings import KafkaSettings, StoreSettings, load

STORE_AWAY: Final = EXIT_AWAY
"""Exit status where nothing could be proven: the store, Kafka or the folder of heads does not answer."""
_NAME: Final = re.compile(r"[\w.-]{1,80}", re.ASCII)


def verify(
    services: Sequence[str],
    anchors: Sequence[tuple[str, Anchor]],
    *,
    without_topic: bool = False,
    stopped: bool = False,
) -> int:
    """0: nothing is wrong; 1: findings; 75: the store, Kafka or the folder of heads does not answer.

    ``anchors`` were noted from the auditor's page or the log stream. ``stopped``: lines may wait for their anchor.
    """
    wanted = services or SERVICES
    return _ran(
        lambda store, settings: _verify(store, settings, wanted, anchors, without_topic=without_topic, stopped=stopped)
    )


def restored(backup: str) -> int:
    """Note that a backup was put back: lines that anchors know and it does not hold are lost, not cut off."""
    return _ran(lambda store, settings: _restored(store, settings, backup))


def key(service: str) -> int:
    """Print what ``<SERVICE>_AUDIT_KEY`` is to be."""
    secret = service_secret(key_bytes(load(VerifierSettings).verifier_key), service)
    sys.stdout.write(f"{base64.b64encode(secret).decode()}\n")
    return 0


def _ran(work: Callable[[StoreSettings, VerifierSettings], Coroutine[Any, Any, int]]) -> int:
    log.configure("audit", "WARNING")
    try:
        return asyncio.run(work(load(StoreSettings), load(VerifierSettings)))
    except (TransientError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return STORE_AWAY
    except FatalError as error:  # the topic of anchors is not the one it was
        sys.stderr.write(f"topic_cut: {error}\n")
        return 1


def keys_of(settings: VerifierSettings, service: str) -> AuditKeys:
    """The keys of a service's audit, derived from the verifier's."""
    return AuditKeys(service_secret(key_bytes(settings.verifier_key), service))


def verifier_keys(settings: VerifierSettings) -> AuditKeys:
    """The keys the verifier itself signs with: what a restore kept."""
    return AuditKeys(service_secret(key_bytes(settings.verifier_key), "verifier"))


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


async def _verify(
    store: StoreSettings,
    settings: VerifierSettings,
    services: Sequence[str],
    anchors: Sequence[tuple[str, Anchor]],
    *,
    without_topic: bool,
    stopped: bool,
) -> int:
    heads = settings.audit_heads
    outside, problems = await _published(settings, ask_kafka=not without_topic)
    sys.stdout.write("".join(f"{problem}\n" for problem in problems))
    found = len(problems)
    for service in services:
        keys = keys_of(settings, service)
        audit = AuditLog(mongo.connect(store, service), keys, SystemClock(), service, heads)
        before = await audit.head()
        noted = [anchor for name, anchor in anchors if name == service]
        findings = await audit.verify(noted, outside[service].expected())
        early = outside[service].removed_early(await audit.anchors.get(CHECKPOINT), SystemClock().now())
        findings += [early] if early is not None else []
        if not (without_topic or stopped):
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
        sys.stdout.write("no heads are kept outside the store (IEUM_AUDIT_HEADS): an older state of it would pass\n")
    return 1 if found else 0


def refused_name(text: str) -> str | None:
    """Why this is no name of a backup, or None."""
    return None if _NAME.fullmatch(text) else "is no name of a backup: letters, digits, . _ -"


def parsed_anchor(text: str) -> tuple[str, Anchor]:
    """Read ``SERVICE=ANCHOR``. Raises ``ValueError`` that says what is wrong."""
    service, _, anchor = text.partition("=")
    if service not in SERVICES:
        raise ValueError("begins with no service's name")
    try:
        return service, chain.parse_anchor(anchor)
    except (ValueError, OverflowError):
        raise ValueError("is no anchor") from None
