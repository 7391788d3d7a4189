"""How an alert reaches people. Every channel takes a message and says None, or a short reason why it was not taken."""

from services.notify.channels.breaker import Breaker
from services.notify.channels.mail import MailChannel
from services.notify.channels.reasons import NOT_SENT, SPARED, TOO_LATE
from services.notify.channels.texts import AppriseChannel
from services.notify.channels.webhooks import WebhookChannel

__all__ = ["NOT_SENT", "SPARED", "TOO_LATE", "AppriseChannel", "Breaker", "MailChannel", "WebhookChannel"]
