"""Client of Ieum's intake API for front ends, and the checks a server of that API has to pass."""

from ieum_client.client import Ieum, NotReachedError, RefusedError

__all__ = ["Ieum", "NotReachedError", "RefusedError"]
