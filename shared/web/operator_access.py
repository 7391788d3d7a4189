"""Access to the inside of a running service: its metrics, and the names of its health checks."""

import hashlib
import hmac

from pydantic import SecretStr
from starlette.requests import HTTPConnection

from shared.identity.source import bearer_of
from shared.settings import ServiceSettings
from shared.web.networks import is_local


class OperatorAccess:
    """Callers on this machine, or with the metrics token; with the token set, it alone counts."""

    def __init__(self, settings: ServiceSettings) -> None:
        """``settings.metrics_token`` unset or empty: callers on this machine only."""
        token = settings.metrics_token
        # An empty token must open nothing.
        self._token = token if token is not None and token.get_secret_value().strip() else None

    def allowed(self, request: HTTPConnection) -> bool:
        """Return whether this caller may see more than a status."""
        if self._token is not None:
            given = bearer_of(request)
            return given is not None and _same(given, self._token)
        return is_local(request.client.host if request.client else None, frozenset(request.headers.keys()))


def _same(given: str, token: SecretStr) -> bool:
    # Of digests: the time does not depend on how nearly, nor on how long.
    wanted = hashlib.sha256(token.get_secret_value().encode()).digest()
    return hmac.compare_digest(hashlib.sha256(given.encode()).digest(), wanted)
