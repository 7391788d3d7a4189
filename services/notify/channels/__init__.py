"""How an alert reaches people. Every channel takes a message and says None, or a short reason why it was not taken."""

from services.notify.channels.apprise import AppriseChannel
from services.notify.channels.breaker import Breaker
from services.notify.channels.email import MailChannel
from services.notify.channels.reasons import NOT_SENT, SPARED, TOO_LATE
from services.notify.channels.webhook import WebhookChannel

__all__ = ["NOT_SENT", "SPARED", "TOO_LATE", "AppriseChannel", "Breaker", "MailChannel", "WebhookChannel"]
