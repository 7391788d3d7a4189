"""The sender of a request, as the services behind the routes need to know it: values, no request and no address."""

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.identity.principal import Principal
from shared.identity.roles import Action

Require = Callable[[Action, str], None]
"""Raises ``Problem`` 403 unless whoever asks may do this to what belongs to the organisation; the audit hears of it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request."""

    network: str
    """IPv4 /24 or IPv6 /48, see ``shared.web.networks``."""
    client: str | None = None
    """The front end the request came through; none for our own pages."""
    sandbox: bool = False
    """That front end is confined to drills: of everything else it learns nothing."""
    visitor: str = ""
    """A front end's name for one of its users, for limits alone; empty if it does not say."""
    operator: Principal | None = None
    """The operator whose page it came from; none for the public's pages, whoever is signed in there."""
    device: str = ""
    """The cookie of a browser that gave a receipt before, see ``receipts.devices``; empty where it sent none."""
    words_given: dict[str, str] = field(default_factory=dict, compare=False)
    """Receipts (16 digits) whose word this request gave rightly, with its hash: ``ReceiptAuthenticator`` adds them."""
