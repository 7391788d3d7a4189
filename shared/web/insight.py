"""Who may look inside a running service: the metrics, and which of its health checks say what."""

from starlette.requests import HTTPConnection

from shared.settings import ServiceSettings
from shared.web.networks import is_local
from shared.web.session import bearer_of, same_token, usable


class Insight:
    """Callers on this machine, or with the metrics token; with the token set, it alone counts."""

    def __init__(self, settings: ServiceSettings) -> None:
        """``settings.metrics_token`` unset or empty: callers on this machine only."""
        self._token = usable(settings.metrics_token)

    def allowed(self, request: HTTPConnection) -> bool:
        """Whether this caller may see more than a status."""
        if self._token is not None:
            given = bearer_of(request)
            return given is not None and same_token(given, self._token)
        return is_local(request.client.host if request.client else None, frozenset(request.headers.keys()))
