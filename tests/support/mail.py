"""A mail server for tests that keeps what it is given."""

import asyncio
import contextlib
import email
import email.policy
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.support.waiting import DEADLINE_S
from tools.local.ports import free_port


@dataclass  # without slots: aiosmtpd looks at every attribute, and Python 3.11.2 fails at that of a class with slots
class MailSink:
    """Takes mails; refuses them while told to."""

    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuse: bool = False
    arrived: int = 0
    """Mails whose content has come, held ones too."""
    port: int = 0
    """Where it listens on the loopback address."""
    flows: threading.Event = field(default_factory=threading.Event)
    """Cleared: mails are taken in and not answered."""

    def __post_init__(self) -> None:
        self.flows.set()

    def clear(self) -> None:
        """Forget everything, and take mails again."""
        self.mails.clear()
        self.refuse, self.arrived = False, 0
        self.flows.set()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name
        del server, session
        self.arrived += 1
        try:
            await asyncio.to_thread(self.flows.wait, DEADLINE_S)
        finally:  # a sender that died before the answer came has sent its mail
            if not self.refuse:
                parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
                self.mails.append((envelope.rcpt_tos[0], parsed))
        return "451 not now" if self.refuse else "250 OK"

    def alert_ids(self) -> list[str]:
        """Of every alert that came, alone or in a bundle."""
        listed = (str(mail["X-Ieum-Alert-Ids"] or mail["X-Ieum-Alert-Id"]) for _, mail in self.mails)
        return [alert_id for ids in listed for alert_id in ids.split()]


@contextlib.contextmanager
def mail_sink(port: int = 0) -> Iterator[MailSink]:
    """A running one on this port of the loopback address, or on a free one."""
    sink = MailSink(port=port or free_port())
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port, ready_timeout=DEADLINE_S)
    controller.start()
    try:
        yield sink
    finally:
        sink.flows.set()  # no thread goes on waiting
        controller.stop()
